"""A hand before the lens, or before a face."""

from __future__ import annotations

import torch
from torch import Tensor

from dlsfaces.data.spoil.drawing import Thing, box, capsule, colour_of, filled, rough, smooth_minimum, step, turn
from dlsfaces.rng import Dice

_FINGERS = ((-0.33, -0.16, 0.66), (-0.11, -0.05, 0.80), (0.11, 0.05, 0.76), (0.32, 0.17, 0.56))  # root, lean, length


def hand(dice: Dice, skin: Tensor) -> Thing:
    """The back of a hand with its fingers spread, that comes from below or from a side, out of a sleeve."""
    side, angle = (1 if dice.happens(0.5) else -1), dice(-1.3, 1.3)
    x0, y0 = dice(-0.12, 0.12), dice(-0.05, 0.15)
    spread, tone = dice(0.7, 1.5), dice(0.88, 1.06)
    sleeve, lit = colour_of(dice, (0.0, 0.6), (0.1, 0.6)), dice.fork(1)

    def own(x: Tensor, y: Tensor, far: float) -> tuple[Tensor, Tensor]:
        """Places in hands: 1 is the palm's width, fingers up, the thumb on the right."""
        u, v = turn(x - x0, y - y0, angle)
        return side * u / far, v / far

    def distance(x: Tensor, y: Tensor, far: float) -> Tensor:
        return far * _of_hand(*own(x, y, max(far, 1e-3)), spread)[0]

    def paint(x: Tensor, y: Tensor, far: float) -> Tensor:
        u, v = own(x, y, far)
        depth, crease = _of_hand(u, v, spread)
        round_ = (-depth / 0.12).clamp(0, 1).sqrt()
        shade = 0.62 + 0.36 * round_ - 0.08 * u + 0.06 * (rough(u, v, 3, lit.fork(0)) - 0.5) - 0.22 * crease
        colour = filled(skin * tone, shade)
        cloth = filled(sleeve, 0.75 + 0.35 * torch.cos(1.6 * u).clamp(min=0) + 0.12 * torch.sin(40 * v))
        return torch.lerp(colour, cloth, step(v - 0.98, 0.02))

    return Thing(distance, paint, 0.012, 3.0)


def _of_hand(u: Tensor, v: Tensor, spread: float) -> tuple[Tensor, Tensor]:
    """Distance from a hand's outline and how much of a crease there is (knuckles, nails' rims), both ``(...)``."""
    palm = box(u, v - 0.02, 0.28, 0.30, 0.16)
    palm = torch.minimum(palm, capsule(u, v, (0, 0.3), (0, 4.0), 0.30))
    whole, crease = palm, torch.zeros_like(u)
    thumb = ((0.3, 0.22), (0.62, -0.05 - 0.1 * spread), 0.115)
    fingers = [((x, -0.28), (x + spread * lean, -0.28 - length), 0.098) for x, lean, length in _FINGERS]
    for start, end, radius in (*fingers, thumb):
        finger = capsule(u, v, start, end, radius)
        for along in (0.42, 0.72):
            x, y = (a + along * (b - a) for a, b in zip(start, end))
            crease = torch.maximum(crease, torch.exp(-(((u - x) / 0.07) ** 2) - ((v - y) / 0.014) ** 2))
        nail = ((u - end[0]) / 0.05) ** 2 + ((v - end[1]) / 0.07) ** 2
        crease = torch.maximum(crease, torch.exp(-((nail - 1) ** 2) / 0.1)) - 0.5 * torch.exp(-(nail**2))
        whole = smooth_minimum(whole, finger, 0.035)
    return whole, crease
