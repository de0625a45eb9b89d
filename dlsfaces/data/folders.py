"""Where data sets lie on this machine."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

KAGGLE_INPUT = Path("/kaggle/input")
DEPTH = 5  #: so many levels below a folder of the search path are searched


class DataUnavailable(FileNotFoundError):
    """A data set is neither here nor to be had; the message says what to do."""


def cache_folder() -> Path:
    """Where downloads and rendered faces go: ``$DLSFACES_CACHE``, or ``~/.cache/dlsfaces``."""
    try:
        return Path(os.environ.get("DLSFACES_CACHE") or "~/.cache/dlsfaces").expanduser()
    except RuntimeError as error:
        raise RuntimeError(f"{error} Name a folder that may be written with DLSFACES_CACHE.") from error


def search_path(root: str | Path | None) -> list[Path]:
    """The folders that are searched: ``root`` alone where given, else ``$DLSFACES_ROOT`` and the usual places."""
    named = root or os.environ.get("DLSFACES_ROOT")
    if named and not os.path.isdir(os.path.expanduser(named)):
        raise FileNotFoundError(f"{'root' if root else 'DLSFACES_ROOT'}={str(named)!r} is not a folder")
    folders = [Path(named).expanduser()] if named else []
    if not root:
        folders += [cache_folder(), Path("data"), KAGGLE_INPUT]
    return [folder for folder in folders if os.path.isdir(folder)]


def find_folder(names: tuple[str, ...], root: str | Path | None = None, *holds: str) -> Path | None:
    """The first folder called one of ``names`` that holds these files and folders, none of them empty."""
    return next((f for f in find_folders(names, root) if not missing_of(f, *holds)), None)


def missing_of(folder: Path, *parts: str) -> list[str]:
    """Which parts a folder lacks, or has with nothing in them, as a failed download leaves them."""
    found = [os.path.getsize(p) if os.path.isfile(p) else any(p.glob("*")) for p in map(folder.joinpath, parts)]
    return [part for part, there in zip(parts, found) if not there]


def find_folders(names: tuple[str, ...], root: str | Path | None = None) -> Iterator[Path]:
    """The folders called one of ``names``, up to ``DEPTH`` levels below the search path, as Kaggle mounts them."""
    return (folder for top in search_path(root) for folder in _folders(top) if folder.name in names)


def _folders(top: Path) -> Iterator[Path]:
    """``top`` and the folders below it, the nearer first; none is entered twice, whichever links lead to it."""
    level, entered = [top], set()
    for _ in range(DEPTH + 1):
        yield from level
        below = []
        for folder in level:
            with suppress(OSError):  # somebody else's, such as lost+found, or gone since
                if (real := place_of(folder)) not in entered:
                    entered.add(real)
                    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
                    if len(names) <= 1000:  # else these are images, not data sets
                        below += [folder / name for name in names if os.path.isdir(folder / name)]
        level = below


def place_of(folder: Path) -> tuple[int, int]:
    """Which folder of this machine it is, whichever links lead to it."""
    found = os.stat(folder)
    return found.st_dev, found.st_ino
