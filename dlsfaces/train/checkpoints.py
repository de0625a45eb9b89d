"""What a run keeps so that it can go on after a kill, and how it knows its own file."""

import hashlib
import inspect
import re
import zlib
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import dlsfaces
from dlsfaces.data import FaceSet
from dlsfaces.data.folders import cache_folder
from dlsfaces.files import written_whole
from dlsfaces.train.settings import Settings

FORMAT = 4  #: of the file; raised when its content changes
State = dict[str, Any]
PLAIN = (bool, int, float, str)
DATA = (Tensor, np.ndarray, FaceSet, Dataset, DataLoader)
SKIPPED = ("training", "epoch", "data_source")  #: what changes, and what a sampler repeats of the data


def checkpoint_path(kind: str, faces: FaceSet, settings: object) -> Path:
    """Where a run is kept: another file for other faces, other settings (by their ``repr``) or another version."""
    if vague := re.search(r"tensor\(|array\(| at 0x|\.\.\.", repr(settings)):
        raise ValueError(f"a checkpoint cannot be named by {vague[0]!r} in {settings!r:.200}; give numbers and words")
    run = repr((dlsfaces.__version__, FORMAT, repr(settings), faces.checksum()))
    return cache_folder() / "runs" / f"{kind}-{faces.name}-{hashlib.sha256(run.encode()).hexdigest()[:12]}.pt"


def describe(settings: Settings, batches: DataLoader, parts: State) -> State:
    """What tells a run from another: settings, data, and what its parts are and hold but weights: ``loss.margin``."""
    order, data = batches.batch_sampler, batches.dataset
    found = {"format": FORMAT, **asdict(settings), "images": len(data), "steps per epoch": len(batches)}
    found |= {"batch size": getattr(order, "batch_size", None), "save_every": None}  # the latter may change
    for part, thing in {**parts, "order": getattr(order, "sampler", order), "data": data}.items():
        thing = getattr(thing, "__self__", thing)  # of a method
        holds = dict(getattr(thing, "__dict__", {"items": thing}))
        if isinstance(thing, nn.Module):
            trained = sum(p.numel() for p in thing.parameters() if p.requires_grad)
            holds["kind"] = f"{type(thing).__name__} with {trained} weights to train"
        if isinstance(thing, nn.modules.loss._Loss):  # such as the weights of classes
            holds |= dict(thing.named_buffers())
        if isinstance(thing, partial):
            holds["arguments"] = *thing.args, *thing.keywords.values()
        if inspect.isfunction(thing):
            holds = _outside(thing)
        # What it may log or count in.
        changes = () if part == "data" else (list, dict, int, float) if part == "validate" else (list, dict)
        for name, value in holds.items():
            if name not in SKIPPED and name[0] != "_" and type(value) not in changes:
                found[f"{part}.{name}"] = _told(value)
    return {what: told for what, told in found.items() if told is not None}


def _outside(function: FunctionType) -> State:
    """Data and global numbers that a function, and those of its module that it calls, find outside; and defaults."""
    holds, functions = {}, [function]
    for called in functions:
        if defaults := (*(called.__defaults__ or ()), *(called.__kwdefaults__ or {}).items()):
            holds[f"{called.__name__}'s defaults"] = defaults
        found = inspect.getclosurevars(called)
        for name, value in {**found.globals, **found.nonlocals}.items():
            if isinstance(value, DATA) or (name in found.globals and isinstance(value, PLAIN)):
                holds[name] = value
            elif inspect.isfunction(value) and value.__module__ == function.__module__ and value not in functions:
                functions.append(value)
    return holds


def _told(value: object) -> bool | int | float | str | None:
    """Plain values as they are, data by a checksum; None for what tells nothing."""
    if isinstance(value, FaceSet):
        return f"checksum {value.checksum()[:12]}"
    if isinstance(value, (Tensor, np.ndarray)):
        value = value.detach().cpu() if isinstance(value, Tensor) else value
        return f"checksum {zlib.crc32(np.ascontiguousarray(value)):08x}"
    value = value.dataset if isinstance(value, DataLoader) else value
    value = vars(value) if isinstance(value, Dataset) else value
    value = list(value.items()) if isinstance(value, dict) else value
    if isinstance(value, (list, tuple)):
        text = repr([_told(one) for one in value])
        return text if len(text) < 100 else f"checksum {zlib.crc32(text.encode()):08x}"
    return next((kind(value) for kind in PLAIN if isinstance(value, kind)), None)


def write(path: Path, state: State) -> None:
    """Put a state in place of the last one, unless a weight is NaN."""
    for name, value in state["modules"].items():
        if value.is_floating_point() and not value.isfinite().all():
            raise FloatingPointError(f"{name} holds NaN or infinity; {path}, if it is there, keeps the last good state")
    try:
        with written_whole(path) as part:
            torch.save(state, part)
            torch.load(part, "cpu", weights_only=True, mmap=True)  # what cannot be read back never takes a name
    except (OSError, RuntimeError) as error:  # torch's own writer answers a full disk with RuntimeError
        kept = "the last good state is still there" if path.exists() else "nothing is kept there yet"
        advice = "Make room or name another place (for the course's own, with DLSFACES_CACHE), and run the same again"
        raise OSError(f"the checkpoint {path} could not be written ({error}); {kept}. {advice}") from error


def read(path: Path, run: State) -> State | None:
    """What is kept of the run so described; None without a file, ``ValueError`` where it is of another run."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # runs no code of the file's
        saved = state["run"]
    except Exception as error:  # garbage makes the reader raise nearly anything, with advice that is not for us
        raise ValueError(
            f"{path} cannot be resumed: it is damaged, or no checkpoint; delete it to start anew"
        ) from error
    changed = [k for k in saved | run if saved.get(k) != run.get(k)]
    if changes := [f"{k} was {saved.get(k)!r} and is {run.get(k)!r}" for k in changed]:
        said = f"{', '.join(changes[:5])}{', and more' * (len(changes) > 5)}"
        advice = "To go on, use that run's settings and data; to start anew, name another checkpoint or delete this one"
        raise ValueError(f"the checkpoint {path} is of another run: {said}. {advice}")
    return state
