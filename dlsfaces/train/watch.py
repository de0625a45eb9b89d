"""Is the loss still one? NaN and explosions stop a run, with the step, the learning rate and what to try."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

EXPLODED = 10.0  #: a loss so many times as high as it began (or as 1, where it began lower) has exploded


class Watch:
    """Remembers the losses where they are until somebody looks, since each look makes a GPU wait; misses no step."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.first: float | None = None
        self.recent: list[tuple[Tensor, int, int, float]] = []  # loss, epoch, step, learning rate

    def note(self, loss: Tensor, epoch: int, step: int, lr: float) -> None:
        """Remember a step's loss; epoch and step count from 0."""
        self.recent.append((loss.detach().float(), epoch, step, lr))

    def look(self) -> float:
        """The latest loss; ``FloatingPointError`` where one since the last look is no number, or they exploded."""
        losses = torch.stack([loss for loss, *_ in self.recent]).tolist()
        if self.first is None:
            self.first = losses[0]
        limit = EXPLODED * max(1.0, self.first)
        exploded = sum(losses) / len(losses) > limit  # on average, since one odd batch is no explosion
        for value, (_, epoch, step, lr) in zip(losses, self.recent, strict=True):
            if not math.isfinite(value) or (exploded and value > limit):
                raise FloatingPointError(self._advice(value, epoch, step, lr))
        self.recent.clear()
        return losses[-1]

    def _advice(self, value: float, epoch: int, step: int, lr: float) -> str:
        kept = f" {self.path} holds the last good state." if self.path is not None and self.path.exists() else ""
        return (
            f"the loss is {value:.4g} in epoch {epoch + 1}, step {step + 1}, at learning rate {lr:.3g} "
            f"(it began at {self.first:.4g}). Try a lower lr, a longer warmup, or precision='no', "
            f"and look at the batch for NaN.{kept}"
        )
