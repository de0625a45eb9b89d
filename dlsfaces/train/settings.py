"""How a model is trained: the optimizer, and its learning rate over time."""

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real

import torch
from torch import nn


@dataclass(frozen=True)
class Settings:
    """How a model is trained: by ``"sgd"``, with Nesterov momentum 0.9, or ``"adamw"`` (Loshchilov and Hutter 2019).

    AdamW is for losses whose gradients differ much in size (heat maps), and takes about a hundredth of SGD's ``lr``.
    """

    epochs: int
    lr: float = 0.1  #: the highest: it rises from 0, then falls to 0
    weight_decay: float = 5e-4
    warmup: float = 0.1  #: share of the steps in which it rises
    optimizer: str = "sgd"
    precision: str = "auto"  #: "no" (float32), "bf16", "fp16", or "auto": on a GPU what a probe finds faster
    save_every: int = 1000  #: steps between checkpoints, besides the one at the end of each epoch
    seed: int = 0  #: of augmentation and dropout; the batches have their own

    def __post_init__(self) -> None:
        whole = all(isinstance(v, Integral) and abs(v) < 2**40 for v in (self.epochs, self.save_every, self.seed))
        finite = all(isinstance(v, Real) and math.isfinite(v) for v in (self.lr, self.weight_decay, self.warmup))
        if not whole or self.epochs < 1 or self.save_every < 1:
            raise ValueError(f"{self}: needs epochs >= 1, save_every >= 1 and a seed, whole numbers below 2**40")
        if not finite or self.lr <= 0 or self.weight_decay < 0 or not 0 <= self.warmup < 1:
            raise ValueError(f"{self}: needs lr > 0, weight_decay >= 0 and 0 <= warmup < 1, all finite")
        if self.optimizer not in ("sgd", "adamw"):
            raise ValueError(f"optimizer={self.optimizer!r} is neither 'sgd' nor 'adamw'")
        if self.precision not in ("auto", "no", "bf16", "fp16"):
            raise ValueError(f"precision={self.precision!r} is none of auto, no, bf16, fp16")
        for field in fields(self):  # numpy's numbers could not be read from a checkpoint without unpickling
            object.__setattr__(self, field.name, field.type(getattr(self, field.name)))

    def lr_at(self, step: int, steps: int) -> float:
        """The learning rate: linear up, then half a cosine down (Loshchilov and Hutter 2017, eq. 5)."""
        rise = self.warmup * steps
        if step < rise:
            return self.lr * (step + 1) / (rise + 1)
        return self.lr * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))) / 2

    def make_optimizer(self, modules: nn.Module) -> torch.optim.Optimizer:
        """Weight decay only for weights that multiply, not for biases and normalisations."""
        trained = [p for p in modules.parameters() if p.requires_grad]
        decayed = {"params": [p for p in trained if p.ndim > 1], "weight_decay": self.weight_decay}
        others = {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0}
        if self.optimizer == "adamw":
            return torch.optim.AdamW([decayed, others], lr=self.lr)
        return torch.optim.SGD([decayed, others], lr=self.lr, momentum=0.9, nesterov=True)
