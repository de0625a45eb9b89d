"""Files that are whole or not there."""

import glob
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FORGOTTEN = 3600.0  #: seconds after which a half-written file is taken to be a killed writer's


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Write to the path this gives: the file takes ``path``'s place when the block ends, or goes if it fails.

    A reader sees the old file or the new one, never half of one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".part-{path.name}-"
    for left in path.parent.glob(glob.escape(prefix) + "*"):
        with suppress(FileNotFoundError):  # another writer's, who is done by now
            if time.time() - left.lstat().st_mtime > FORGOTTEN:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as folder:
        part = Path(folder) / path.name  # the same name: some writers go by its ending
        yield part
        with part.open("rb+") as file:  # on the disk before its name is: a power cut must not leave the name alone
            os.fsync(file.fileno())
        part.replace(path)
