"""One process or many: what the loop needs to know of the others."""

from __future__ import annotations

import logging
from typing import Any

import torch
from accelerate import Accelerator, DataLoaderConfiguration
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import broadcast_object_list
from torch.utils.data import DataLoader

from dlsfaces.train.precision import PRECISIONS, faster_precision

log = logging.getLogger(__name__)


def accelerator(precision: str) -> Accelerator:
    """A fresh one: a notebook trains several times, and Accelerate would keep the first run's precision."""
    if precision not in ("auto", *PRECISIONS):
        raise ValueError(f"precision={precision!r} is none of auto, {', '.join(PRECISIONS)}")
    AcceleratorState._reset_state()
    if precision == "auto":  # processes that disagreed would mix scaled gradients
        precision = from_main(faster_precision(_state().device))
    log.info("training in precision %s", precision)
    loader = DataLoaderConfiguration(split_batches=True)
    return Accelerator(mixed_precision=precision, cpu=_only_cpu(), dataloader_config=loader)


def is_main() -> bool:
    """Whether this is the process that writes files and shows progress."""
    return _state().is_main_process


def from_main(value: Any) -> Any:
    """The main process's value, in all of them."""
    return broadcast_object_list([value])[0] if _state().num_processes > 1 else value


def batch_size(batches: DataLoader, processes: int) -> int | None:
    """Photos in a batch, over all processes; ``ValueError`` where they cannot have the same share of it."""
    size = getattr(batches.batch_sampler, "batch_size", None)
    if processes > 1 and (size is None or size % processes):
        raise ValueError(f"a batch of {size} cannot be shared evenly by {processes} processes; choose a multiple of it")
    return size


def _state() -> PartialState:
    """Joins the other processes, where there are some."""
    return PartialState(cpu=_only_cpu())


def _only_cpu() -> bool:
    return not torch.cuda.is_available()  # Accelerate would pick an Apple GPU, on which the course is not tested
