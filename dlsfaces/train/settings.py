"""How a model is trained: the optimizer, and its learning rate over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Settings:
    """How a model is trained.

    Attributes:
        lr: learning rate at its highest. It rises from 0 over ``warmup``, a share of the steps, then falls to 0.
        optimizer: ``"sgd"`` (Nesterov momentum 0.9), or ``"adamw"`` (Loshchilov and Hutter 2019) for losses whose
            gradients differ much in size, such as those of heat maps; its ``lr`` is about a hundredth of SGD's.
        precision: ``"no"`` (float32), ``"bf16"``, ``"fp16"``, or ``"auto"``: the one that a short probe finds faster.
        save_every: steps between checkpoints within an epoch; at the end of each epoch there is one anyway.
        seed: of augmentation and dropout (the batches have their own).
    """

    epochs: int
    lr: float = 0.1
    weight_decay: float = 5e-4
    warmup: float = 0.1
    optimizer: str = "sgd"
    precision: str = "auto"
    save_every: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.lr <= 0 or not 0 <= self.warmup < 1 or self.save_every < 1:
            raise ValueError(f"{self}: needs epochs >= 1, lr > 0, 0 <= warmup < 1 and save_every >= 1")
        if self.optimizer not in ("sgd", "adamw"):
            raise ValueError(f"optimizer={self.optimizer!r} is neither 'sgd' nor 'adamw'")
        if self.precision not in ("auto", "no", "bf16", "fp16"):
            raise ValueError(f"precision={self.precision!r} is none of auto, no, bf16, fp16")

    def lr_at(self, step: int, steps: int) -> float:
        """The learning rate of a step: linear up, then half a cosine down (Loshchilov and Hutter 2017, eq. 5)."""
        rise = self.warmup * steps
        if step < rise:
            return self.lr * (step + 1) / (rise + 1)
        return self.lr * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))) / 2

    def make_optimizer(self, modules: nn.Module) -> torch.optim.Optimizer:
        """Weight decay is for weights that multiply; biases and normalisations keep their size."""
        trained = [p for p in modules.parameters() if p.requires_grad]
        decayed = {"params": [p for p in trained if p.ndim > 1], "weight_decay": self.weight_decay}
        others = {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0}
        if self.optimizer == "adamw":
            return torch.optim.AdamW([decayed, others], lr=self.lr)
        return torch.optim.SGD([decayed, others], lr=self.lr, momentum=0.9, nesterov=True)
