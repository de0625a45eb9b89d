"""How does a notebook start? Platform, size, data, device, seeds, versions, and where its results go.

Three environment variables override what a notebook would choose by itself:

- ``DLSFACES_SIZE``: ``smoke`` (tests), ``cpu`` (a laptop; the default without a GPU) or ``gpu`` (the default with one);
- ``DLSFACES_DATA``: ``synthetic``, ``celeba500``, ``celeba``, ``lfw``, or a folder of people;
- ``DLSFACES_THREADS``: how many CPU threads torch may use.

Only the standard library is imported at the top: a notebook imports this module before it knows what is installed.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform as platform_module
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from dlsfaces.files import written_whole

if TYPE_CHECKING:
    import torch

SIZES = ("smoke", "cpu", "gpu")
DATA_NAMES = ("synthetic", "celeba500", "celeba", "lfw")

# What `start` installs where it is missing: the package's requirements and chapter 07's, and what these need in turn.
# Never torch, torchvision, numpy or ipywidgets: they belong to the machine.
NEEDED = (
    *("accelerate", "huggingface_hub", "psutil", "pyyaml", "packaging", "safetensors", "tqdm", "gdown", "filelock"),
    *("matplotlib", "pillow", "scikit-learn", "scipy", "joblib", "threadpoolctl", "narwhals"),
    *("scikit-image", "imageio", "lazy-loader", "networkx", "tifffile"),
)

NO_GPU_ADVICE = {
    "colab": "No GPU. To use one: Runtime > Change runtime type > T4 GPU, then run all again.",
    "kaggle": "No GPU. To use one: Settings > Accelerator > GPU T4 x2 (and Internet on), then run all again.",
}


@dataclass(frozen=True)
class Course:
    """What a notebook knows once it has started."""

    platform: str
    device: torch.device
    size: str
    data: str
    seed: int


def start(seed: int = 0) -> Course:
    """Start a notebook: install what is missing, check torch, seed everything, say what this machine is."""
    install_missing()
    if problem := torch_problem():
        raise RuntimeError(problem)
    limit_threads()
    set_seed(seed)
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:  # this is a notebook
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("jpeg", pil_kwargs={"quality": 70})  # sheets of faces take a fifth of a PNG's space
        use_text_bars()
    setup = Course(platform(), device(), size(), data_name(size()), seed)
    print(" | ".join([setup.platform, *(f"{name} {version}" for name, version in versions().items())]))
    print(f"device {_device_name(setup.device)} | size {setup.size} | data {setup.data} | seed {seed}")
    if setup.device.type == "cpu" and setup.platform in NO_GPU_ADVICE:
        print(NO_GPU_ADVICE[setup.platform])
    return setup


def use_text_bars() -> None:
    """Let each progress bar be a line of text that stays: a saved notebook shows a bar that is a widget as an error."""
    from tqdm import auto, std

    class TextBar(std.tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "leave": True})  # what is cleared leaves an empty line

        def close(self) -> None:
            super().close()
            sys.stderr.flush()  # before what is printed next

    auto.tqdm = TextBar


def install_missing() -> None:
    """Install those of ``NEEDED`` that are not there, without what they need in turn: nothing else is touched."""
    if missing := [name for name in NEEDED if _version(name) is None]:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *missing]
        if (done := subprocess.run(command, capture_output=True, text=True)).returncode:
            why = f"is the network on? (Kaggle: Settings > Internet)\n{done.stderr}"  # or there is no pip: it says so
            raise RuntimeError(f"Could not install {', '.join(missing)}: {why}")
        importlib.invalidate_caches()


def torch_problem() -> str | None:
    """Why the installed torch and torchvision do not work together, and the way out; ``None`` where they do."""
    try:  # torchvision's operators are compiled against one release of torch, and fail obscurely with another
        import torch
        from torchvision.ops import nms

        nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    except Exception as error:  # whatever broken binaries raise
        pair = " and ".join(f"{name} {_version(name) or '(missing)'}" for name in ("torch", "torchvision"))
        return (
            f"{pair} do not fit together: {type(error).__name__}: {error}\nInstall them anew, as a pair:\n"
            f"  {sys.executable} -m pip uninstall -y torch torchvision\n"
            f"  {sys.executable} -m pip install torch torchvision\n"
            "On Colab and Kaggle take a fresh machine instead: it comes with a pair that fits. Upgrade neither there."
        )
    return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _device_name(device: torch.device) -> str:
    import torch

    if device.type == "cpu":
        return f"CPU, {torch.get_num_threads()} threads"
    return " + ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))


def platform() -> str:
    """Where the notebook runs: ``"kaggle"``, ``"colab"`` or ``"local"``."""
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ:  # first: Kaggle's image is built on Colab's
        return "kaggle"
    return "colab" if "COLAB_RELEASE_TAG" in os.environ or "google.colab" in sys.modules else "local"


def size(asked: str | None = None) -> str:
    """The size of this run: ``asked``, or ``DLSFACES_SIZE``, or ``"gpu"`` where there is a GPU, else ``"cpu"``."""
    asked = (asked or os.environ.get("DLSFACES_SIZE", "")).strip().lower()
    if asked and asked not in SIZES:
        raise ValueError(f"DLSFACES_SIZE is {asked!r}; it must be one of {', '.join(SIZES)}")
    return asked or ("gpu" if device().type == "cuda" else "cpu")


def data_name(size: str, asked: str | None = None) -> str:
    """The data of this run: ``asked``, or ``DLSFACES_DATA``, or ``celeba500`` in ``gpu`` size, else ``synthetic``."""
    asked = (asked or os.environ.get("DLSFACES_DATA", "")).strip()
    if not asked:
        return "celeba500" if size == "gpu" else "synthetic"
    if asked in DATA_NAMES:
        return asked
    if not Path(asked).expanduser().is_dir():
        raise ValueError(f"the data asked for is {asked!r}; use an existing folder or one of {', '.join(DATA_NAMES)}")
    return str(Path(asked).expanduser())


def find_data(setup: Course, splits: Sequence[str] = ("train", "query")) -> str:
    """The data set to go on with: the one that was asked for, where its splits are here or can be downloaded.

    Where a real set, the default in the ``gpu`` size, cannot be had, this says why and answers ``"synthetic"``. In the
    other sizes somebody has asked for the set by name: there the error is raised.
    """
    if setup.data == "synthetic":
        return setup.data
    from dlsfaces import data

    try:
        for split in splits:
            data.load(setup.data, split)
    except data.DataUnavailable as error:
        if setup.size != "gpu":
            raise
        print(f"{error}\nGoing on with the built-in people, who need no download.")
        return "synthetic"
    return setup.data


def recorded(name: str) -> dict[str, Any]:
    """What a benchmark measured, from ``benchmarks/results/{name}.json``: ``figures``, machine, date and so on."""
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "results" / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}: measurements come with a clone of the repository, not with pip")
    return json.loads(path.read_text(encoding="utf-8"))


def device() -> torch.device:
    """The GPU where there is one that torch can use, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def set_seed(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch (library code takes generators of its own)."""
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)


def limit_threads() -> None:
    """Let torch use ``DLSFACES_THREADS`` CPU threads; where that is unset, leave torch's own choice."""
    asked, cores = os.environ.get("DLSFACES_THREADS", "").strip(), os.cpu_count() or 1
    if not asked:
        return
    if not asked.isdecimal() or not 1 <= int(asked) <= cores:
        raise ValueError(f"DLSFACES_THREADS is {asked!r}; it must be a whole number from 1 to {cores}, the cores here")
    import torch

    torch.set_num_threads(int(asked))


def versions() -> dict[str, str]:
    """Versions of Python and of the packages on which the numbers of a notebook depend."""
    packages = {name: _version(name) or "missing" for name in ("torch", "torchvision", "numpy")}
    return {"Python": platform_module.python_version(), **packages}


def settings(**rows: Sequence[Any]) -> SimpleNamespace:
    """The settings cell: a row a setting, a column a size (smoke, cpu, gpu); returns the column of this run's size.

    ``course.settings(people=(8, 60, 500), epochs=(1, 12, 30))`` prints the table with this run's column marked.
    """
    for name, row in rows.items():
        if isinstance(row, str) or not isinstance(row, Sequence) or len(row) != len(SIZES):
            raise ValueError(f"setting {name!r} needs {len(SIZES)} values ({', '.join(SIZES)}), not {row!r}")
    column = SIZES.index(size())
    heading = ["", *(f"[{name}]" if index == column else name for index, name in enumerate(SIZES))]
    lines = [heading, *([name, *map(str, row)] for name, row in rows.items())]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for name, *cells in lines:
        print("  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]))
    return SimpleNamespace(**{name: row[column] for name, row in rows.items()})


def save_results(chapter: str, results: Mapping[str, float | int | str]) -> None:
    """Keep a chapter's results, names to finite numbers (also of numpy and torch) or strings, for the course's table.

    Writes ``{chapter}.json`` into the folder that ``DLSFACES_RESULTS`` names. Where it is unset (a student's own run)
    the values are only checked.
    """
    plain = {str(name): _plain_value(f"{chapter}: {name}", value) for name, value in results.items()}
    if folder := os.environ.get("DLSFACES_RESULTS", "").strip():
        with written_whole(Path(folder) / f"{chapter}.json") as part:
            part.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _plain_value(name: str, value: Any) -> float | int | str:
    """``value`` as a type that JSON knows."""
    if hasattr(value, "item") and math.prod(value.shape) == 1:  # of numpy or torch
        value = value.item()
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number and not isinstance(value, str):
        raise ValueError(f"{name} is {value!r}; a result must be one finite number or a string")
    return value


class Table(str):
    """A Markdown table, which a notebook renders."""

    def _repr_markdown_(self) -> str:
        return str(self)


def results_table(results: Mapping[str, float | int | str], title: str = "result") -> Table:
    """The results as a Markdown table, four significant digits; a notebook shows it where a cell ends with it."""
    rows = [f"| {name} | {format_result(value)} |" for name, value in results.items()]
    return Table("\n".join([f"| {title} | value |", "|:--|--:|", *rows]))


def format_result(value: float | int | str) -> str:
    """A result for a table: strings and whole numbers as they are, others with four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
