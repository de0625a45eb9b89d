"""Files that are whole or not there."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Write to the path this gives; it takes ``path``'s place when the block ends, and is removed if the block fails.

    A reader sees the old file or the new one, never half of one, whatever kills the writer or cuts its power. What a
    killed writer has left beside ``path`` is removed by the next one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    part = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.part")
    try:
        yield part
        _flush(part)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _flush(part: Path) -> None:
    """Have the content on the disk before the name: otherwise a power cut can leave the name without the content."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_leftovers(path: Path) -> None:
    """Parts of ``path`` by writers on this machine that are no more."""
    name = re.compile(re.escape(f".{path.name}.{socket.gethostname()}.") + r"(\d+)\.part")
    for sibling in path.parent.iterdir():
        found = name.fullmatch(sibling.name)
        if found and not _runs(int(found[1])):
            with suppress(OSError):
                sibling.unlink()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
