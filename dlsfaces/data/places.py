"""Where data sets lie on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

KAGGLE_INPUT = Path("/kaggle/input")


class DataUnavailable(FileNotFoundError):
    """A data set is neither here nor to be had; the message says what to do."""


def cache_folder() -> Path:
    """What the course may write, downloads and rendered faces: ``$DLSFACES_CACHE``, or ``~/.cache/dlsfaces``."""
    return Path(os.environ.get("DLSFACES_CACHE") or Path.home() / ".cache" / "dlsfaces").expanduser()


def search_path(root: str | Path | None) -> list[Path]:
    """The folders that are searched: ``root`` alone where given, else ``$DLSFACES_ROOT`` and the usual places."""
    named = root or os.environ.get("DLSFACES_ROOT")
    if named and not Path(named).expanduser().is_dir():
        raise FileNotFoundError(f"{'root' if root else 'DLSFACES_ROOT'}={str(named)!r} is not a folder")
    if root:
        return [Path(root).expanduser()]
    usual = [Path(named).expanduser()] if named else []
    return [p for p in (*usual, cache_folder(), Path("data"), KAGGLE_INPUT) if p.is_dir()]


def find(names: tuple[str, ...], root: str | Path | None = None, holds: str = "", depth: int = 5) -> Path | None:
    """The first folder called one of ``names`` at, or up to ``depth`` levels below, the search path.

    Kaggle mounts data sets at ``/kaggle/input/SLUG`` or ``/kaggle/input/datasets/OWNER/SLUG``, and archives often hold
    a folder in a folder of its own name: with ``holds``, only a folder with that file or folder in it counts.
    """
    for top in search_path(root):
        for folder in _folders(top, depth):
            if folder.name in names and (folder / holds).exists():
                return folder
    return None


def _folders(top: Path, depth: int) -> Iterator[Path]:
    """``top`` and the folders below it, the nearer first; folders of thousands of pictures are not entered."""
    level = [top]
    for _ in range(depth + 1):
        yield from level
        level = [child for folder in level for child in _children(folder)]


def _children(folder: Path, limit: int = 1000) -> list[Path]:
    try:
        entries = os.scandir(folder)
    except PermissionError:  # somebody else's, such as lost+found
        return []
    with entries:
        children = []
        for number, entry in enumerate(entries):
            if number >= limit:
                return []
            if entry.is_dir() and not entry.name.startswith("."):
                children.append(Path(entry.path))
    return sorted(children)
