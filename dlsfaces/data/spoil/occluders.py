"""What gets between the camera and a face.

A thing is made as large, or reaches in as far, as the share of the face that it shall cover needs. Places are in widths
of the face, from its middle, so a thing looks alike at any size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dlsfaces.data.spoil import things
from dlsfaces.data.spoil.drawing import Thing, places, step
from dlsfaces.data.spoil.hands import hand
from dlsfaces.rng import Dice

#: Each makes a thing from dice and the colour of a hand's skin, sRGB ``(3,)``.
THINGS = (hand, things.paper, things.bar, things.cloth, things.leaves, things.ball)


def draw(dice: Dice, skin: Tensor) -> Thing:
    """Any of the things, all equally likely. ``skin``: the sRGB colour ``(3,)`` of a hand."""
    make = THINGS[dice.integer(0, len(THINGS) - 1)]
    return make(dice, skin)


def reach(thing: Thing, share: float, tall: float) -> float:
    """How far a thing has to reach to cover a share of the face, which is ``tall`` times as high as wide.

    By halving, on 48 columns of places; exact to a hundredth of the face.
    """
    x, y = places(48, round(48 * tall), (-0.5, -tall / 2, 0.5, tall / 2))
    low, high = 0.0, thing.most
    for _ in range(14):
        middle = (low + high) / 2
        covered = (thing.distance(x, y, middle) < 0).float().mean()
        low, high = (middle, high) if covered < share else (low, middle)
    return high


def cover(image: Tensor, thing: Thing, x: Tensor, y: Tensor, far: float, light: float) -> Tensor:
    """The image ``(3, H, W)`` with a thing before it, and the thing's shadow beside it.

    Args:
        x, y: of each pixel ``(H, W)``.
        far: the thing's reach.
        light: the light that the thing gets, 1 where white is white.
    """
    pixel = float(x[0, 1] - x[0, 0]) if x.shape[1] > 1 else 1.0
    distance = thing.distance(x, y, far)
    share = step(-distance, max(pixel, thing.soft))
    beside = thing.distance(x - 0.02, y - 0.05, far).clamp(min=0)
    shadow = 1 - 0.45 * torch.exp(-((beside / 0.07) ** 2))
    return torch.lerp(image * shadow, (light * thing.paint(x, y, far)).clamp(0, 1), share)
