"""How does a notebook start? Platform, size, data, device, seeds, versions, and where its results go.

Three environment variables override what a notebook would choose by itself:

- ``DLSFACES_SIZE``: ``smoke`` (tests), ``cpu`` (a laptop; the default without a GPU) or ``gpu`` (the default with one);
- ``DLSFACES_DATA``: ``synthetic``, ``celeba500``, ``celeba``, ``lfw``, ``widerface``, or a folder of photos;
- ``DLSFACES_THREADS``: how many CPU threads torch may use.

Only the standard library is imported here at the top: a notebook imports this module before it knows whether torch
is installed and whether torchvision fits it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import logging
import math
import numbers
import os
import platform as platform_module
import random
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

SIZES = ("smoke", "cpu", "gpu")
DATA_NAMES = ("synthetic", "celeba500", "celeba", "lfw", "widerface")

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
    if problem := torch_problem():
        raise RuntimeError(problem)
    limit_threads()
    set_seed(seed)
    where, chosen_size, chosen_device = platform(), size(), device()
    setup = Course(where, chosen_device, chosen_size, data_name(chosen_size), seed)
    print(_description(setup))
    if chosen_device.type == "cpu" and where in NO_GPU_ADVICE:
        print(NO_GPU_ADVICE[where])
    return setup


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
    packages = {name: _version(name) or "missing" for name in ("torch", "torchvision", "numpy")}
    return {"Python": platform_module.python_version(), **packages}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def torch_problem() -> str | None:
    """What is wrong with the installed torch and torchvision, and the way out; ``None`` where they fit together.

    torchvision's operators are compiled against one release of torch. With another, the two import with an error that
    names neither (``operator torchvision::nms does not exist``), or only fail later. So both are loaded here, one
    compiled operator is called, and the torch that torchvision's own metadata asks for is compared with the one found.
    """
    error = _load_error()
    needed = _torch_that_torchvision_needs()
    if error is None and _satisfies(_version("torch"), needed):
        return None
    return explain_torch(_version("torch"), _version("torchvision"), needed, error)


def _load_error() -> str | None:
    """Load torch and torchvision and call a compiled operator of torchvision; the error where that does not work."""
    try:
        torch = importlib.import_module("torch")
        ops = importlib.import_module("torchvision.ops")
        ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    except Exception as error:  # whatever broken binaries raise: the error is the answer
        return f"{type(error).__name__}: {str(error).strip()}"
    return None


def _torch_that_torchvision_needs() -> str:
    """The version of torch that torchvision asks for, such as ``"==2.11.0"``; empty where it does not say."""
    try:
        from packaging.requirements import Requirement

        requirements = map(Requirement, importlib.metadata.requires("torchvision") or [])
        return next((str(found.specifier) for found in requirements if found.name == "torch"), "")
    except ImportError:  # also PackageNotFoundError: there is nothing to compare, _load_error has said the rest
        return ""


def _satisfies(version: str | None, needed: str) -> bool:
    if not version or not needed:
        return True
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(needed).contains(version, prereleases=True)


def explain_torch(torch_version: str | None, torchvision_version: str | None, needed: str, error: str | None) -> str:
    """One message: what was found, what went wrong, and the command that installs a torch and torchvision that fit."""
    pip = f"{shlex.quote(sys.executable)} -m pip"
    if torch_version is None or torchvision_version is None:
        absent = " and ".join(
            name for name, found in (("torch", torch_version), ("torchvision", torchvision_version)) if found is None
        )
        return f"{absent} cannot be found ({error}).\nInstall both together:\n  {pip} install torch torchvision"
    lines = [f"torch {torch_version} and torchvision {torchvision_version} do not fit together."]
    if not _satisfies(torch_version, needed):
        lines.append(f"This torchvision needs torch {needed}.")
    if error:
        lines.append(f"Loading them says: {error}")
    lines.append("Remove both and install them again as a pair:")
    lines.append(f"  {pip} uninstall -y torch torchvision && {pip} install torch torchvision")
    if platform() != "local":
        lines.append("Or start from a fresh machine, which comes with a pair that fits, and upgrade neither of them.")
    return "\n".join(lines)


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
    """Write beside, then rename: a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def results_table(results: Mapping[str, float | int | str], title: str = "result") -> str:
    """The results as a Markdown table, four significant digits."""
    rows = [f"| {name} | {format_result(value)} |" for name, value in results.items()]
    return "\n".join([f"| {title} | value |", "|:--|--:|", *rows])


def format_result(value: float | int | str) -> str:
    """A result for a table: strings and whole numbers as they are, others with four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
