"""What the generator rendered, kept on disk for the next time, and believed only if it is what was written."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import drawpeople
from dlsfaces.files import written_whole

log = logging.getLogger(__name__)

Tensors = dict[str, Tensor]


def kept(
    cache: Path | None,
    key: Mapping[str, object],
    make: Callable[[], Tensors],
    shapes: Mapping[str, tuple[int | None, ...]],
) -> Tensors:
    """What ``make`` makes, or what the cache holds of the same generator and the same key.

    A full or read-only disk costs the cache, not the lesson: it is logged. What another version of the generator
    rendered makes room.

    Args:
        cache: the folder; nothing is kept where None.
        key: all that the tensors depend on beside ``drawpeople.VERSION``; goes through JSON.
        shapes: of each tensor; None where any length will do.
    """
    if cache is None:
        return make()
    content = json.dumps({"version": drawpeople.VERSION, **key})
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    path = cache / f"synthetic-v{drawpeople.VERSION}-{digest}.safetensors"
    try:
        return _believed(path, shapes)
    except FileNotFoundError:
        pass
    except (SafetensorError, OSError, ValueError) as error:
        log.warning("the cache %s is broken (%s); it is rendered anew", path, error)
    made = make()
    _keep(made, path)
    return made


def digest_of(*tensors: Tensor) -> str:
    """A fingerprint of what tensors on the CPU hold, for a key."""
    sha = hashlib.sha256()
    for tensor in tensors:
        sha.update(tensor.contiguous().numpy())
    return sha.hexdigest()


def _believed(path: Path, shapes: Mapping[str, tuple[int | None, ...]]) -> Tensors:
    """What a cache file holds, if it is what was written.

    Raises:
        FileNotFoundError, OSError, SafetensorError, ValueError: there is none, or it is not.
    """
    with safe_open(path, "pt") as file:
        found = {name: file.get_tensor(name) for name in sorted(shapes)}
        written = (file.metadata() or {}).get("sha256")
    for name, shape in shapes.items():
        is_shape = tuple(found[name].shape)
        if len(is_shape) != len(shape) or any(b not in (None, a) for a, b in zip(is_shape, shape)):
            raise ValueError(f"its {name} has the shape {is_shape}")
    if digest_of(*found.values()) != written:
        raise ValueError("its content is not what was written")
    return found


def _keep(made: Tensors, path: Path) -> None:
    made = {name: made[name].contiguous() for name in sorted(made)}  # in the order in which it is believed
    try:
        with written_whole(path) as part:
            save_file(made, part, {"sha256": digest_of(*made.values())})
        for old in path.parent.glob("synthetic-*.safetensors"):
            if not old.name.startswith(f"synthetic-v{drawpeople.VERSION}-"):
                old.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        log.warning("the rendered pictures could not be kept in %s (%s)", path, error)
