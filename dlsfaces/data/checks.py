"""Which photos of a set can be read? Looked at once, said aloud, and remembered."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm.auto import tqdm

from dlsfaces.data import places
from dlsfaces.data.photos import Box, open_photo
from dlsfaces.files import written_whole

log = logging.getLogger(__name__)

RULES = 1  #: to be raised when what counts as readable changes, so that every photo is looked at again
THREADS = 4
CHUNK = 256  #: photos between two moments at which the check can be interrupted
KEY_BYTES = 16
NAMED = 3  #: broken photos that a message names


def find_broken(paths: Sequence[Path], folder: Path, name: str, crop: Box | None = None) -> set[Path]:
    """The photos among ``paths`` that :func:`~dlsfaces.data.read_photo` would refuse; a log warning counts them.

    Every photo is decoded whole, since a truncated JPEG shows only then. Those that are sound are remembered in the
    cache folder, each by its path, size and time of change, so that the next time only new, changed and broken ones are
    looked at; where the cache cannot be read or written, all are.

    Args:
        folder: the set's folder; sets in other folders are remembered apart.
        name: the set and the split, for the messages.
        crop: has to lie within each photo.
    Raises:
        ValueError: all photos are broken, or of ten and more over half: this is probably no copy of the set.
    """
    keys = [_key(path, crop) for path in paths]
    memory = places.cache_folder() / f"photos-{hashlib.sha256(os.path.abspath(folder).encode()).hexdigest()[:16]}.sound"
    known = _recall(memory)
    unknown = [i for i, key in enumerate(keys) if key not in known]
    reasons: dict[Path, str] = {}
    sound: set[bytes] = set()
    try:
        with tqdm(total=len(unknown), desc=f"checking {name}", unit=" photos", leave=False, delay=2) as bar:
            for start in range(0, len(unknown), CHUNK):
                chunk = unknown[start : start + CHUNK]
                reasons |= _reasons([paths[i] for i in chunk], crop)
                sound |= {keys[i] for i in chunk if keys[i] and paths[i] not in reasons}
                bar.update(len(chunk))
    finally:  # an interrupted check goes on where it stopped
        if sound:
            _remember(memory, known | sound)
    _report(reasons, len(paths), folder, name)
    return set(reasons)


def _reasons(paths: Sequence[Path], crop: Box | None) -> dict[Path, str]:
    """Why photos cannot be read, for those that cannot."""

    def reason(path: Path) -> str:
        try:
            open_photo(path, crop)
        except (OSError, ValueError) as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(THREADS) as pool:
        return {path: why for path, why in zip(paths, pool.map(reason, paths)) if why}


def _report(reasons: dict[Path, str], count: int, folder: Path, name: str) -> None:
    if not reasons:
        return
    first = "\n".join(f"  {why}" for why in list(reasons.values())[:NAMED])
    more = f"\n  and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
    message = f"{name}: {len(reasons)} of {count} photos cannot be read"
    if len(reasons) == count or (count >= 10 and len(reasons) > count / 2):
        raise ValueError(
            f"{message}, so {folder} is probably another folder than the one meant, or half a copy; name the right one "
            f"or copy it again:\n{first}{more}"
        )
    log.warning("%s; they are left out:\n%s%s", message, first, more)


def _key(path: Path, crop: Box | None) -> bytes:
    """What stands for a photo as it is now; empty where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return b""
    text = f"{RULES}|{found.st_size}|{found.st_mtime_ns}|{crop}|{path}"
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=KEY_BYTES).digest()


def _recall(memory: Path) -> set[bytes]:
    """The keys of sound photos. A broken file gives keys that no photo has: it costs a check, nothing else."""
    try:
        content = memory.read_bytes()
    except OSError:
        return set()
    return {content[i : i + KEY_BYTES] for i in range(0, len(content) - KEY_BYTES + 1, KEY_BYTES)}


def _remember(memory: Path, keys: set[bytes]) -> None:
    try:
        with written_whole(memory) as part:
            part.write_bytes(b"".join(sorted(keys)))
    except OSError as error:
        log.warning(
            "which photos are sound could not be kept in %s (%s); the next load checks them again", memory, error
        )
