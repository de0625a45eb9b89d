"""How far a step goes: the learning rate over time, and what weight decay is for."""

from __future__ import annotations

import math

from torch import nn


def warmup_cosine(step: int, steps: int, warmup: float) -> float:
    """Share of the highest learning rate: linear up, then a half cosine down (Loshchilov and Hutter 2017, eq. 5)."""
    rise = warmup * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def weight_decay_groups(parts: nn.Module, weight_decay: float) -> list[dict]:
    """An optimizer's parameters: decay is for weights that multiply; biases and normalisations keep their size."""
    trained = [p for p in parts.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
