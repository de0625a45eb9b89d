"""How does a notebook start? Platform, size, data, device, seeds, versions, and where its results go.

Three environment variables override what a notebook would choose by itself:

- ``DLSFACES_SIZE``: ``smoke`` (tests), ``cpu`` (a laptop; the default without a GPU) or ``gpu`` (the default with one);
- ``DLSFACES_DATA``: ``synthetic``, ``celeba500``, ``celeba``, ``lfw``, or a folder of people;
- ``DLSFACES_THREADS``: how many CPU threads torch may use.

Only the standard library is imported here at the top: a notebook imports this module before it knows whether torch
is installed and whether torchvision fits it.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import numbers
import os
import platform as platform_module
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from dlsfaces import torch_pair
from dlsfaces.files import written_whole

if TYPE_CHECKING:
    import torch

SIZES = ("smoke", "cpu", "gpu")
DATA_NAMES = ("synthetic", "celeba500", "celeba", "lfw")

NO_GPU_ADVICE = {
    "colab": "No GPU. To use one: Runtime > Change runtime type > T4 GPU, then run all again.",
    "kaggle": "No GPU. To use one: Settings > Accelerator > GPU T4 x2 (and Internet on), then run all again.",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Course:
    """What a notebook knows once it has started."""

    platform: str
    device: torch.device
    size: str
    data: str
    seed: int


def start(seed: int = 0) -> Course:
    """Start a notebook: check torch, seed everything, print one block about the environment.

    Raises:
        RuntimeError: torch or torchvision is missing, or the two do not fit together; the message has the way out.
        ValueError: one of the environment variables above has a value that means nothing.
    """
    if problem := torch_pair.problem():
        raise RuntimeError(problem)
    limit_threads()
    show_figures_small()
    set_seed(seed)
    where, chosen_size, chosen_device = platform(), size(), device()
    setup = Course(where, chosen_device, chosen_size, data_name(chosen_size), seed)
    print(_description(setup))
    if chosen_device.type == "cpu" and where in NO_GPU_ADVICE:
        print(NO_GPU_ADVICE[where])
    return setup


def show_figures_small() -> None:
    """In a notebook, show figures as JPEG: sheets of faces take a fifth of a PNG's space. Elsewhere, nothing."""
    if "IPython" not in sys.modules or sys.modules["IPython"].get_ipython() is None:
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("jpeg", pil_kwargs={"quality": 88})


def _description(setup: Course) -> str:
    """Two lines: the versions, and what this run will do."""
    import torch

    found = " | ".join(f"{name} {version}" for name, version in versions().items())
    is_gpu = setup.device.type == "cuda"
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if is_gpu else []
    device_text = " + ".join(names) or f"CPU, {torch.get_num_threads()} threads"
    run = f"size {setup.size} | data {setup.data} | seed {setup.seed}"
    return f"{setup.platform} | {found}\ndevice {device_text} | {run}"


def platform() -> str:
    """Where the notebook runs: ``"kaggle"``, ``"colab"`` or ``"local"``."""
    # Kaggle first: its image is built on Colab's, so that google.colab can be importable there too.
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
        return "kaggle"
    if "COLAB_RELEASE_TAG" in os.environ or _is_importable("google.colab"):
        return "colab"
    return "local"


def _is_importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the parent package is missing
        return False


def size() -> str:
    """The size of this run: ``DLSFACES_SIZE``, or ``"gpu"`` where there is a GPU and ``"cpu"`` where there is none."""
    asked = os.environ.get("DLSFACES_SIZE", "").strip()
    if asked and asked not in SIZES:
        raise ValueError(f"DLSFACES_SIZE is {asked!r}; it must be one of {', '.join(SIZES)}")
    return asked or ("gpu" if device().type == "cuda" else "cpu")


def data_name(size: str, asked: str | None = None) -> str:
    """The data of this run: ``asked``, or ``DLSFACES_DATA``, or ``celeba500`` in the ``gpu`` size, else ``synthetic``.

    Raises:
        ValueError: the data asked for is neither a known name nor a folder, or ``size`` is unknown.
    """
    if size not in SIZES:
        raise ValueError(f"size is {size!r}; it must be one of {', '.join(SIZES)}")
    asked = (asked or os.environ.get("DLSFACES_DATA", "")).strip()
    if asked and asked not in DATA_NAMES and not Path(asked).is_dir():
        raise ValueError(
            f"the data asked for is {asked!r}; use a folder that exists, or one of {', '.join(DATA_NAMES)}"
        )
    return asked or ("celeba500" if size == "gpu" else "synthetic")


def find_data(setup: Course) -> str:
    """The data set to go on with: the one that was asked for, where it is here or can be downloaded.

    In the ``gpu`` size, whose default is a real set, a course that stops at a dead link is not a course: where the set
    cannot be had, this says why and what to do, and answers ``"synthetic"``. In the other sizes somebody has named the
    set, so that going on with another would be a surprise: there the error is raised.
    """
    if setup.data == "synthetic":
        return setup.data
    from dlsfaces import data

    try:
        for split in ("train", "query"):
            data.load(setup.data, split)
    except data.DataUnavailable as error:
        if setup.size != "gpu":
            raise
        print(f"{error}\nGoing on with synthetic people, who need no download.")
        return "synthetic"
    return setup.data


def recorded(name: str) -> dict[str, Any]:
    """What a benchmark of the course measured: its ``figures``, the machine, the date, and what else it keeps.

    Args:
        name: of a file in ``benchmarks/results``, such as ``"synthetic_transfer"``.
    Raises:
        FileNotFoundError: there is no such record beside the package.
    """
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "results" / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no {path}; the measurements come with the course's repository, not with an installed package: "
            "clone the repository, or look at its benchmarks/README.md"
        )
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
    """Let torch use no more CPU threads than ``DLSFACES_THREADS``; where that is unset, leave torch's own choice."""
    asked = os.environ.get("DLSFACES_THREADS", "").strip()
    if not asked:
        return
    if not asked.isdecimal() or int(asked) < 1:
        raise ValueError(f"DLSFACES_THREADS is {asked!r}; it must be a whole number, 1 or more")
    import torch

    torch.set_num_threads(int(asked))


def versions() -> dict[str, str]:
    """Versions of Python and of the packages on which the numbers of a notebook depend."""
    packages = {name: torch_pair.version(name) or "missing" for name in ("torch", "torchvision", "numpy")}
    return {"Python": platform_module.python_version(), **packages}


def settings(table: Mapping[str, Sequence[Any]] | None = None, /, **rows: Sequence[Any]) -> SimpleNamespace:
    """The settings cell: one row a setting, one column a size; returns the column of this run's size.

    >>> settings = course.settings(
    ...     # size:  smoke, cpu, gpu
    ...     people=(8, 60, 500),
    ...     epochs=(1, 12, 30),
    ... )  # doctest: +SKIP

    Prints the table with this run's column marked. The rows may also come as one mapping.

    Raises:
        ValueError: a row does not have exactly three values.
    """
    rows = {**(table or {}), **rows}
    for name, row in rows.items():
        if isinstance(row, str) or not isinstance(row, Sequence) or len(row) != len(SIZES):
            raise ValueError(f"setting {name!r} needs {len(SIZES)} values, for {', '.join(SIZES)}; got {row!r}")
    column = SIZES.index(size())
    print(_settings_table(rows, column))
    return SimpleNamespace(**{name: row[column] for name, row in rows.items()})


def _settings_table(rows: Mapping[str, Sequence[Any]], column: int) -> str:
    """The table as aligned text, the heading of ``column`` in brackets."""
    heading = ["", *(f"[{name}]" if index == column else name for index, name in enumerate(SIZES))]
    lines = [heading, *([name, *map(str, row)] for name, row in rows.items())]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join("  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]) for name, *cells in lines)


def save_results(chapter: str, results: Mapping[str, float | int | str]) -> None:
    """Keep the results of a chapter for the table of the whole course.

    Writes ``chapter.json`` into the folder that ``DLSFACES_RESULTS`` names, whole or not at all, in place of an earlier
    one. Where the variable is unset (a student's own run) it only checks the values.

    Args:
        chapter: the notebook's name, such as ``"03_cross_entropy"``.
        results: names to finite numbers or strings; numbers of numpy and torch with one element are fine.

    Raises:
        ValueError: ``chapter`` is no file name, or a value is neither a finite number nor a string.
    """
    if not chapter or chapter != Path(chapter).name or chapter.startswith("."):
        raise ValueError(f"chapter is {chapter!r}; it must be a plain name, such as '03_cross_entropy'")
    plain = {str(name): _plain_value(f"{chapter}: {name}", value) for name, value in results.items()}
    folder = os.environ.get("DLSFACES_RESULTS", "").strip()
    if not folder:
        logger.debug("DLSFACES_RESULTS is unset: the results of %s stay in the notebook", chapter)
        return
    _write_json(Path(folder) / f"{chapter}.json", plain)


def _plain_value(name: str, value: Any) -> float | int | str:
    """``value`` as a type that JSON knows."""
    if hasattr(value, "item"):
        try:
            value = value.item()
        except (ValueError, RuntimeError) as error:  # numpy's and torch's answer to more than one element
            raise ValueError(f"{name} has more than one element; a result must be one number or a string") from error
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} is {value!r}; a result must be a number or a string")
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}; a result must be finite")
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with written_whole(path) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def results_table(results: Mapping[str, float | int | str], title: str = "result") -> str:
    """The results as a Markdown table, four significant digits."""
    rows = [f"| {name} | {format_result(value)} |" for name, value in results.items()]
    return "\n".join([f"| {title} | value |", "|:--|--:|", *rows])


def format_result(value: float | int | str) -> str:
    """A result for a table: strings and whole numbers as they are, others with four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
