"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Write to the path this gives; it takes ``path``'s place when the block ends, and is removed if the block fails.

    A reader sees the old file or the new one, never half of one. The new one lies in a hidden folder beside ``path``
    until then, under the same name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as folder:
        part = Path(folder) / path.name
        yield part
        with part.open("rb+") as file:  # on the disk before its name is: a power cut must not leave the name alone
            os.fsync(file.fileno())
        part.replace(path)
