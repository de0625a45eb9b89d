"""How large is the code, and how far does an image travel through it?

    python -m benchmarks.lines           records the figures
    python -m benchmarks.lines --show    prints them by room beside the budgets (``make lines``)

The files on an image's way are counted while it travels, from ``data.load`` through ``data.batches`` and
``Augmentation`` to a network.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image

from benchmarks._record import ROOT, record
from tools import notebooks

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
PACKAGES = ("drawpeople", "dlsfaces")
BUDGETS = {
    "drawpeople": 7000, "dlsfaces": 7000, "tools": 700, "geometry": 300, "data": 1500, "evaluate": 950,
    "course+weights": 350, "train": 350, "recognize": 1100, "align": 900, "detect": 800, "joint": 300,
    "pipeline+gallery+cli": 500, "trash+attacks+grading": 500, "plots+widgets": 950,
}  # fmt: skip


def files(*places: str) -> list[Path]:
    """The Python files in folders of the repository; a place may also be a module without its ending.

    Without ``tests/grading/answers`` and ``hostile``: what students hand in is data.
    """
    found = [path for place in places for path in [*(ROOT / place).rglob("*.py"), ROOT / f"{place}.py"]]
    handed_in = [ROOT / "tests" / "grading" / name for name in ("answers", "hostile")]
    return sorted(path for path in found if path.is_file() and not any(map(path.is_relative_to, handed_in)))


def lines(*places: str) -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files(*places))


def docstring_lines(path: Path) -> int:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    documented = [node for node in nodes if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None]
    return sum(node.body[0].end_lineno - node.body[0].lineno + 1 for node in documented)


def exported() -> list[str]:
    """What the packages and their rooms list in ``__all__``, as ``room.name``."""
    folders = [
        path.parent.relative_to(ROOT) for place in PACKAGES for path in files(place) if path.name == "__init__.py"
    ]
    rooms = [importlib.import_module(".".join(folder.parts)) for folder in folders]
    return [f"{room.__name__}.{name}" for room in rooms for name in getattr(room, "__all__", ())]


def in_no_notebook() -> list[str]:
    """Exported names that occur in the code of no notebook."""
    cells = [cell for path in notebooks.everything() for _, cell in notebooks.code_cells(notebooks.read(path))]
    words = set(re.findall(r"\w+", "\n".join(map(notebooks.source, cells))))
    return sorted(name for name in exported() if name.rpartition(".")[2] not in words)


def files_on_an_images_way() -> list[str]:
    """The packages' files of which a function is called between ``data.load`` and a network's embedding."""
    from dlsfaces import data, recognize

    called = set()

    def note(frame, event, argument) -> None:  # sys.setprofile calls it
        path = Path(frame.f_code.co_filename)
        is_function = frame.f_code.co_flags & inspect.CO_OPTIMIZED  # not a module or a class that is being imported
        if event == "call" and is_function and path.is_relative_to(ROOT):
            called.add(path.relative_to(ROOT).as_posix())

    with tempfile.TemporaryDirectory() as folder:
        os.environ["DLSFACES_CACHE"] = folder
        make_small_set(Path(folder, "celebA_train_500"))
        network, augment = recognize.FaceResNet("small"), data.Augmentation()
        threading.setprofile(note)  # the files may be read in threads
        sys.setprofile(note)
        faces = data.load("celeba500", "train", folder)
        for images, _, keys in data.batches(faces, (40, 32), 4, shuffle=True, seed=0):
            network(augment(images, keys))
        sys.setprofile(None)
        threading.setprofile(None)
    return sorted(path for path in called if path.startswith(PACKAGES))


def make_small_set(folder: Path) -> None:
    """Four grey images of two people, as CelebA-500 lies on a disk."""
    (folder / "celebA_imgs").mkdir(parents=True)
    names = [f"{number:06d}.jpg" for number in range(4)]
    for name in names:
        Image.new("RGB", (178, 218), (90, 90, 90)).save(folder / "celebA_imgs" / name)
    (folder / "celebA_anno.txt").write_text("".join(f"{name} {n % 2}\n" for n, name in enumerate(names)))
    (folder / "celebA_train_split.txt").write_text("".join(f"{name} 0\n" for name in names))


def figures() -> dict[str, float]:
    return {
        **{name: lines(name) for name in ("dlsfaces", "drawpeople", "tests", "tools", "benchmarks")},
        "exported_names": len(exported()),
        "exported_but_in_no_notebook": len(in_no_notebook()),
        "files_on_a_photos_way": len(files_on_an_images_way()),
        "docstring_share": sum(map(docstring_lines, files("dlsfaces"))) / lines("dlsfaces"),
    }


def table() -> str:
    """Lines by room beside the budgets, the other figures, and the names and files that these count."""
    found, rows = figures(), []
    most = {**BUDGETS, "tests": round(0.6 * (found["dlsfaces"] + found["drawpeople"]))}
    for name, budget in most.items():
        size = found.get(name) or lines(*(f"dlsfaces/{room}" for room in name.split("+")))
        rows.append(f"{name:<22}{size:>7,} of {budget:>6,}{'  over' * (size > budget)}")
    rows += [f"{name:<28}{value:.4g}" for name, value in list(found.items())[4:]]
    unused, passed = ", ".join(in_no_notebook()), ", ".join(files_on_an_images_way())
    return "\n".join([*rows, f"\nIn no notebook: {unused}", f"\nOn an image's way: {passed}"])


if __name__ == "__main__":
    print(table()) if "--show" in sys.argv else record("lines", figures(), "python -m benchmarks.lines")
