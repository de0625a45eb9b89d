"""Random numbers as a function of a key: the same key gives the same number, on any device, in any batch.

A ``torch.Generator`` hands out numbers in the order in which they are asked for, so what a sample gets depends on the
batch it happens to sit in. Here each sample (a person, an image, a training example in an epoch) has a *key*, and its
numbers are a hash of that key. That makes augmentation independent of the batch and of the number of processes, and
person ``i`` the same person wherever it is asked for.

The hash is SplitMix64's finaliser (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators",
figure 15; constants of Stafford's variant 13), in wrapping 64-bit integers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # as signed 64-bit numbers, which is what torch has
_MULTIPLIERS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)
_ALL = 2**64 - 1  # the bits that are kept


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical shift: torch's ``>>`` on int64 copies the sign bit."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift_right(x, 30)) * _MULTIPLIERS[0]
    x = (x ^ _shift_right(x, 27)) * _MULTIPLIERS[1]
    return x ^ _shift_right(x, 31)


def key(*parts: int | Tensor) -> Tensor:
    """Hash integers into int64 keys.

    Args:
        parts: integers, or int64 tensors that broadcast against each other, such as ``(seed, epoch, index)``.
    Returns:
        int64 tensor of the broadcast shape (0-dimensional for plain integers); order of the parts matters.
    """
    tensors = [torch.as_tensor(p) for p in parts]
    device = next((t.device for t in tensors if t.dim()), torch.device("cpu"))
    x = torch.zeros((), dtype=torch.int64, device=device)
    for t in tensors:
        x = _mix(x + _GOLDEN + _mix(t.to(device=device, dtype=torch.int64) + _GOLDEN))
    return x


def uniform(keys: Tensor, n: int) -> Tensor:
    """``n`` numbers a key, uniform in [0, 1).

    Args:
        keys: int64 ``(...)``.
    Returns:
        float32 ``(..., n)``, on the keys' device, with 24 random bits each: the same bits on every device.
    """
    counter = torch.arange(1, n + 1, device=keys.device) * _GOLDEN
    bits = _shift_right(_mix(keys[..., None] + counter), 40)
    return bits.to(torch.float32) * 2.0**-24


def normal(keys: Tensor, n: int) -> Tensor:
    """``n`` standard normal numbers a key (Box and Muller 1958): float32 ``(..., n)``."""
    u = uniform(keys, 2 * n)
    radius = (-2.0 * (1.0 - u[..., :n]).log()).sqrt()
    return radius * (2.0 * math.pi * u[..., n:]).cos()


class Dice:
    """Numbers one after another from one key, for what draws a different number of them each time, such as a scene.

    The ``n``-th is :func:`uniform`'s of that key, worked out in Python's own integers, quicker for single ones.
    :meth:`fork` gives a part of the whole dice of its own: however many it draws, the others' stay as they were.
    """

    def __init__(self, *parts: int) -> None:
        self.parts, self._drawn, self._key = parts, 0, 0
        for part in parts:
            self._key = _mixed(self._key + _GOLDEN + _mixed(part + _GOLDEN))

    def __call__(self, low: float = 0.0, high: float = 1.0) -> float:
        """Uniform in ``[low, high)``."""
        self._drawn += 1
        bits = _mixed(self._key + self._drawn * _GOLDEN) >> 40
        return low + (high - low) * (bits * 2.0**-24)

    def integer(self, low: int, high: int) -> int:
        """Uniform among ``low`` to ``high``, both included."""
        return low + int(self() * (high - low + 1))

    def happens(self, chance: float) -> bool:
        """True with this chance."""
        return self() < chance

    def log(self, low: float, high: float) -> float:
        """Log-uniform in ``[low, high)``: every doubling is as likely; both are positive."""
        return math.exp(self(math.log(low), math.log(high)))

    def fork(self, part: int) -> Dice:
        """Other dice, that belong to a part; the same ones however many numbers have been drawn from these."""
        return Dice(*self.parts, part)


def _mixed(x: int) -> int:
    """:func:`_mix` of one integer, from 0 to 2**64 - 1."""
    x &= _ALL
    x = ((x ^ (x >> 30)) * _MULTIPLIERS[0]) & _ALL
    x = ((x ^ (x >> 27)) * _MULTIPLIERS[1]) & _ALL
    return x ^ (x >> 31)
