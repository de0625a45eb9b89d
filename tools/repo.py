"""The repository's address, and everything that is stamped from it.

    python -m tools.repo                      restamp with the address in pyproject.toml
    python -m tools.repo --name owner/name    change the address there, then restamp (a fork does this once)
    python -m tools.repo --check              only say what is out of date

The one place is the line `Repository = "https://github.com/owner/name"` of pyproject.toml. Stamped from it are the
links of README.md, the badges in the first cell of every notebook, and its set-up cell (tagged `setup`), whose text
is SETUP_CELL below. Nothing else of a notebook changes.
"""

from __future__ import annotations

import argparse
import copy
import re
import sys
from pathlib import Path

from tools import notebooks
from tools.notebooks import ROOT, Cell, Notebook

PLACE = re.compile(r'^(Repository = "https://github\.com/)([^"]+)(")$', re.MULTILINE)
VALID = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/(?!\.{1,2}$)(?!.*\.git$)[A-Za-z0-9._-]{1,100}")
BADGE = re.compile(r"(https://(?:colab\.research\.google\.com/github|kaggle\.com/kernels/welcome\?src=https://github\.com)/)"
                   r"[^/\s)]+/[^/\s)]+(?=/)")  # fmt: skip
BADGE_LINE = re.compile(r"^.*colab\.research\.google\.com/github/.*$", re.MULTILINE)

# What the set-up cell installs where it is missing, without what that needs in turn: name, or name:module to import.
NEEDED = """accelerate huggingface_hub psutil pyyaml:yaml packaging safetensors tqdm gdown matplotlib ipywidgets
    scikit-learn:sklearn scipy joblib threadpoolctl narwhals"""

SETUP_CELL = """\
# Set-up: finds the course, or downloads it. What the machine brings (torch, numpy, ipywidgets) stays as it is.
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

SOURCE = os.environ.get("DLSFACES_SOURCE", "https://github.com/{name}")
if find_spec("dlsfaces") is None or find_spec("dlsfaces").origin is None:  # it cannot be imported
    download = Path("dlsfaces-course").resolve()
    home = next((p for p in Path.cwd().parents if (p / "dlsfaces/course.py").is_file()), download)
    if not (home / "dlsfaces/course.py").is_file():
        if subprocess.run(["git", "clone", "--quiet", "--depth=1", SOURCE, home]).returncode:
            raise RuntimeError(f"Could not download {SOURCE}: is the network on? (Kaggle: Settings > Internet)")
    sys.path.insert(0, str(home))
needed = \"\"\"{needed}\"\"\".split()
missing = [name.partition(":")[0] for name in needed if find_spec(name.rpartition(":")[2]) is None]
if missing:
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *missing], check=True)

from dlsfaces import course

setup = course.start()"""


def address(root: Path = ROOT) -> str:
    """The repository's ``owner/name``, from the one place."""
    match = PLACE.search((root / "pyproject.toml").read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f'{root / "pyproject.toml"} has no line: Repository = "https://github.com/owner/name"')
    return validated(match.group(2))


def validated(name: str) -> str:
    """``name`` where it can be a repository's ``owner/name``, else ``ValueError``."""
    if not VALID.fullmatch(name):
        raise ValueError(f"{name!r} is no repository's name; write owner/name, such as dlsfaces/dlsfaces")
    return name


def setup_cell(name: str) -> str:
    """The text of the set-up cell."""
    return SETUP_CELL.replace("{needed}", NEEDED).replace("{name}", name)


def badges(name: str, path: str) -> str:
    """Both badges, for a notebook at ``path`` in the repository."""
    blob = f"github.com/{name}/blob/main/{path}"
    colab = f"https://colab.research.google.com/{blob.replace('github.com', 'github')}"
    kaggle = f"https://kaggle.com/kernels/welcome?src=https://{blob}"
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}) "
        f"[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)]({kaggle})"
    )


def stamped_text(text: str, old: str, new: str) -> str:
    """README.md with its badges, and every link to the ``old`` address, leading to ``new``."""
    text = BADGE.sub(lambda match: match.group(1) + new, text)
    return re.sub(rf"(?<=github\.com/){re.escape(old)}(?![\w-]|\.(?!git\b)\w)", new, text)


def stamped_notebook(notebook: Notebook, path: str, name: str) -> Notebook:
    """A copy of the notebook with badges and set-up cell up to date; each is added where it is missing."""
    notebook = copy.deepcopy(notebook)
    cells = notebook["cells"]
    if not cells or cells[0]["cell_type"] != "markdown":
        raise ValueError(f"{path}: the first cell must be text (its title), for the badges")
    stamp_badges(cells[0], badges(name, path))
    setup = [cell for cell in cells if is_setup(cell)]
    if len(setup) > 1:
        raise ValueError(f"{path}: {len(setup)} set-up cells; remove all but one")
    if not setup:
        has_ids = (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5)
        rest = {"execution_count": None, "metadata": {}, "outputs": [], "source": []}
        setup = [{"cell_type": "code", **({"id": "setup"} if has_ids else {}), **rest}]
        cells.insert(1, setup[0])
    if "setup" not in notebooks.tags(setup[0]):
        setup[0]["metadata"]["tags"] = [*notebooks.tags(setup[0]), "setup"]
    if notebooks.source(setup[0]) != setup_cell(name):
        notebooks.set_source(setup[0], setup_cell(name))
    return notebook


def is_setup(cell: Cell) -> bool:
    """A set-up cell: by its tag, or by its first line where somebody's editor lost the tag."""
    same_start = notebooks.first_line(cell) == SETUP_CELL.splitlines()[0]
    return cell["cell_type"] == "code" and ("setup" in notebooks.tags(cell) or same_start)


def stamp_badges(cell: Cell, line: str) -> None:
    """Put the line of badges into the first cell: in place of the old one, or below the title."""
    text = notebooks.source(cell)
    if BADGE_LINE.search(text):
        stamped = BADGE_LINE.sub(lambda _: line, text, count=1)
    else:
        title, _, rest = text.partition("\n")
        stamped = "\n\n".join(part for part in (title, line, rest.strip("\n")) if part)
    if stamped != text:
        notebooks.set_source(cell, stamped)


def changes(root: Path = ROOT, name: str | None = None) -> dict[Path, str]:
    """The files that a stamping with ``name`` (default: the present address) would change, each with its new text."""
    old = address(root)
    new = validated(name or old)
    wanted = {}
    place = root / "pyproject.toml"
    wanted[place] = PLACE.sub(rf"\g<1>{new}\g<3>", place.read_text(encoding="utf-8"))
    if (readme := root / "README.md").is_file():
        wanted[readme] = stamped_text(readme.read_text(encoding="utf-8"), old, new)
    changed = {path: text for path, text in wanted.items() if text != path.read_text(encoding="utf-8")}
    for path in notebooks.everything(root):
        before = notebooks.read(path)
        after = stamped_notebook(before, path.relative_to(root).as_posix(), new)
        if after != before:
            changed[path] = notebooks.dumps(after)
    return changed


def main() -> int:
    """Stamp, and say which files changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", help="the repository as owner/name")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where something is out of date")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    arguments = parser.parse_args()
    try:
        changed = changes(arguments.root, arguments.name)
    except ValueError as error:
        return parser.exit(2, f"{error}\n")
    # pyproject.toml last: it says the old address, which a stamping that was cut short needs again.
    for path in sorted(changed, key=lambda path: path.name == "pyproject.toml"):
        if not arguments.check:
            notebooks.write(path, changed[path])
        print(f"{'out of date' if arguments.check else 'stamped'}: {path.relative_to(arguments.root)}")
    if not changed:
        print(f"Everything is stamped with {arguments.name or address(arguments.root)}.")
    return int(arguments.check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
