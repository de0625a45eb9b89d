"""One process or many, and Accelerate, which keeps its state for the whole of a Python process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator, DataLoaderConfiguration
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.utils import broadcast_object_list

from dlsfaces.train.precision import faster_precision

#: Accelerate obeys these variables though they were set for somebody else; torchrun's count where all are set.
NOT_OURS = ("ACCELERATE_", "FORK_LAUNCHED", "PMI_", "OMPI_COMM_WORLD_", "MV2_COMM_WORLD_")
TORCHRUN = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"}


@contextmanager
def own_state() -> Iterator[None]:
    """Inside, Accelerate's state and torch's random numbers are a run's own; afterwards the caller's are back."""
    not_ours = {name for name in os.environ if name.startswith(NOT_OURS)}
    not_ours |= set() if os.environ.keys() >= TORCHRUN else os.environ.keys() & TORCHRUN
    hidden = {name: os.environ.pop(name) for name in not_ours}
    states = [kind._shared_state for kind in (PartialState, AcceleratorState, GradientState)]
    before = [dict(state) for state in states]
    for state in states:
        state.clear()
    try:
        # Joins the other processes, where there are some; not on an Apple GPU, on which the course is not tested.
        device = PartialState(cpu=not torch.cuda.is_available()).device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        for state, kept in zip(states, before):
            state.clear()
            state.update(kept)
        os.environ.update(hidden)


def accelerator(precision: str) -> Accelerator:
    """A new one, whose processes share each batch; ``"auto"`` is what the main process measures."""
    if precision == "auto":
        precision = from_main(faster_precision(PartialState().device))
    config = DataLoaderConfiguration(split_batches=True)
    return Accelerator(mixed_precision=precision, cpu=not torch.cuda.is_available(), dataloader_config=config)


def from_main(value: Any) -> Any:
    """The main process's value, in all of them."""
    return broadcast_object_list([value])[0] if PartialState().num_processes > 1 else value
