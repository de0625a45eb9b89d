"""What a run keeps so that it can go on after a kill, and how it knows its own file."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

import dlsfaces
from dlsfaces.data import FaceSet
from dlsfaces.data.folders import cache_folder
from dlsfaces.files import written_whole
from dlsfaces.train.settings import Settings

FORMAT = 3  #: of the file; raised when its content changes
State = dict[str, Any]


def checkpoint_path(kind: str, faces: FaceSet, settings: object) -> Path:
    """Where a run is kept: another file for other faces, other settings (by their ``repr``) or another version."""
    run = repr((dlsfaces.__version__, FORMAT, repr(settings), faces.checksum()))
    return cache_folder() / "runs" / f"{kind}-{faces.name}-{hashlib.sha256(run.encode()).hexdigest()[:12]}.pt"


def describe(settings: Settings, batches: DataLoader, parts: State) -> State:
    """What tells a run from another: settings, amount of data, plain attributes of parts such as ``loss.margin``."""
    order = batches.batch_sampler
    found = {"format": FORMAT, **asdict(settings), "images": len(batches.dataset), "steps per epoch": len(batches)}
    found["batch size"] = getattr(order, "batch_size", None)
    del found["save_every"]  # may change
    for part, thing in {**parts, "order": getattr(order, "sampler", order)}.items():
        for name, value in getattr(thing, "__dict__", {}).items():
            if isinstance(value, (bool, int, float, str)) and name not in ("training", "epoch") and name[0] != "_":
                found[f"{part}.{name}"] = value
    return found


def write(path: Path, state: State) -> None:
    """Put a state in place of the last one, unless a weight is NaN."""
    for name, value in state["modules"].items():
        if value.is_floating_point() and not value.isfinite().all():
            raise FloatingPointError(f"{name} holds NaN or infinity; {path}, if it is there, keeps the last good state")
    try:
        with written_whole(path) as part:
            torch.save(state, part)
    except (OSError, RuntimeError) as error:  # torch's own writer answers a full disk with RuntimeError
        kept = "the last good state is still there" if path.exists() else "nothing is kept there yet"
        raise OSError(
            f"the checkpoint {path} could not be written ({error}); {kept}. "
            "Make room or name another place, then run the same again: it goes on from the state that is kept"
        ) from error


def read(path: Path, run: State) -> State | None:
    """What is kept of the run so described; None without a file, ``ValueError`` where it is of another run."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # runs no code of the file's
        saved = state["run"]
    except Exception as error:  # garbage makes the reader raise nearly anything, with advice that is not for us
        reason = f"it is damaged, or no checkpoint: {type(error).__name__}"
        raise ValueError(f"the checkpoint {path} cannot be resumed ({reason}); delete it to start anew") from error
    changed = [k for k in saved | run if saved.get(k) != run.get(k)]
    changes = [f"{k} was {saved.get(k)!r} and is {run.get(k)!r}" for k in changed]
    if changes:
        raise ValueError(
            f"the checkpoint {path} is of another run: {', '.join(changes[:5])}{', and more' * (len(changes) > 5)}. "
            "To go on, use the settings of that run; to start anew, name another checkpoint or delete this one"
        )
    return state
