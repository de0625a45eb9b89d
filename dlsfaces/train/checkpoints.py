"""What a training run keeps so that it can go on after a kill, and how it tells its own file from another run's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from dlsfaces.files import written_whole

State = dict[str, Any]
FORMAT = 2  #: of the file; raised when its content changes


def write(path: Path, state: State) -> None:
    """Write a checkpoint in place of the last one, whole or not at all.

    Raises:
        FloatingPointError: a weight is NaN or infinite; going on from such a state would be of no use.
        OSError: it cannot be written (a full disk, no permission); the last one is still there.
    """
    for name, value in state["parts"].items():
        if value.is_floating_point() and not value.isfinite().all():
            raise FloatingPointError(
                f"{name} holds NaN or infinity; {path} keeps the last good state, where there is one"
            )
    try:
        with written_whole(path) as part:
            torch.save({**state, "format": FORMAT}, part)
    except (OSError, RuntimeError) as error:  # torch's own writer answers a full disk with RuntimeError
        kept = "the last good state is still there" if path.exists() else "nothing is kept there yet"
        raise OSError(
            f"the checkpoint {path} could not be written ({error}); {kept}. "
            "Make room or name another place, then run the same again: it goes on from the state that is kept"
        ) from error


def read(path: Path) -> State | None:
    """The checkpoint; None where there is no file.

    Raises:
        ValueError: not a checkpoint of this version.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        version = state["format"]
    except Exception as error:  # garbage makes the reader raise nearly anything, with advice that is not for us
        raise unusable(path, f"it is damaged, or no checkpoint: {type(error).__name__}") from error
    if version != FORMAT:
        raise unusable(path, f"it has format {version}, and this version of the course reads {FORMAT}")
    return state


def unusable(path: Path, reason: str) -> ValueError:
    """The error for a file that is no checkpoint of this model."""
    return ValueError(f"the checkpoint {path} cannot be resumed ({reason}); delete it to start anew")


def refuse_other_run(path: Path, saved: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` that names what differs where a checkpoint's run was configured in another way."""
    names = [name for name in {**saved, **current} if saved.get(name) != current.get(name)]
    if names:
        changes = [f"{name} was {saved.get(name)!r} and is {current.get(name)!r}" for name in names[:5]]
        more = f", and {len(names) - 5} more" if len(names) > 5 else ""
        raise ValueError(
            f"the checkpoint {path} is of another run: {', '.join(changes)}{more}. "
            "To go on, use the settings of that run; to start anew, name another checkpoint or delete this one"
        )


def settings_of(modules: nn.Module) -> dict[str, float | int | str]:
    """Every plain number or word that a module or a part of it keeps as an attribute, such as ``loss.margin``."""
    return {
        f"{path}.{name}": value
        for path, module in modules.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, (bool, int, float, str)) and name != "training" and not name.startswith("_")
    }


def settings_of_sampler(batches: DataLoader) -> dict[str, float | int | str]:
    """The same of what orders the photos, such as its seed; the epoch it stands at aside."""
    sampler = getattr(batches.batch_sampler, "sampler", None) or batches.batch_sampler
    found = {} if sampler is None else vars(sampler)
    return {f"order.{k}": v for k, v in found.items() if isinstance(v, (bool, int, float, str)) and k != "epoch"}


def description(function: Callable | None) -> str:
    """A name that is the same in every process: a data class tells all of its fields, another callable its name."""
    if function is None or dataclasses.is_dataclass(function):
        return repr(function)
    return getattr(function, "__qualname__", type(function).__qualname__)
