"""Things drawn from formulas, at any size: how far each place is from an outline, and its colour there.

Places are ``x`` to the right and ``y`` down, tensors of one shape; colours are sRGB from 0 to 1.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople.rng import Dice

#: ``(x, y, reach)`` to the distance from the outline, negative inside; the larger the reach, the more is inside.
Distance = Callable[[Tensor, Tensor, float], Tensor]
#: ``(x, y, reach)`` to the colour there, ``(3, ...)``.
Paint = Callable[[Tensor, Tensor, float], Tensor]


class Thing(NamedTuple):
    """A thing: its outline, its colours, how soft the outline is (in face widths), and the reach of a huge one."""

    distance: Distance
    paint: Paint
    soft: float
    most: float


def reach(thing: Thing, share: float, tall: float) -> float:
    """How far a thing has to reach to cover a share of a box that is 1 wide and ``tall`` high; to a hundredth."""
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
        x, y: places of the pixels ``(H, W)``.
        far: the thing's reach.
        light: that falls on the thing, 1 where white is white.
    """
    pixel = float(x[0, 1] - x[0, 0]) if x.shape[1] > 1 else 1.0
    share = step(-thing.distance(x, y, far), max(pixel, thing.soft))
    beside = thing.distance(x - 0.02, y - 0.05, far).clamp(min=0)
    shadow = 1 - 0.45 * torch.exp(-((beside / 0.07) ** 2))
    return torch.lerp(image * shadow, (light * thing.paint(x, y, far)).clamp(0, 1), share)


def alone(thing: Thing, size: tuple[int, int], box: tuple[float, float, float, float], far: float) -> Tensor:
    """A thing by itself: uint8 RGBA ``(height, width, 4)`` of what lies in a box of places."""
    x, y = places(size[1], size[0], box)
    share = step(-thing.distance(x, y, far), max(float(x[0, -1] - x[0, 0]) / max(1, size[1] - 1), 1e-3))
    return (255 * torch.cat((thing.paint(x, y, far).clamp(0, 1), share[None]))).byte().permute(1, 2, 0).contiguous()


def places(columns: int, rows: int, box: tuple[float, float, float, float]) -> tuple[Tensor, Tensor]:
    """x ``(1, columns)`` and y ``(rows, 1)`` of the middles of a box's pixels, spread to ``(rows, columns)``."""
    x1, y1, x2, y2 = box
    x = x1 + (x2 - x1) * (torch.arange(columns) + 0.5) / columns
    y = y1 + (y2 - y1) * (torch.arange(rows) + 0.5) / rows
    return x.expand(rows, columns), y[:, None].expand(rows, columns)


def step(value: Tensor, soft: float) -> Tensor:
    """0 well below zero, 1 well above, an S ``soft`` wide between."""
    value = (value / soft + 0.5).clamp(0, 1)
    return value * value * (3 - 2 * value)


def turn(x: Tensor, y: Tensor, angle: float) -> tuple[Tensor, Tensor]:
    """Places in axes turned by an angle, in radians, clockwise as seen."""
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * x + sin * y, cos * y - sin * x


def colour_of(dice: Dice, strong: tuple[float, float], light: tuple[float, float]) -> Tensor:
    """Any hue ``(3,)``."""
    hue, strong, light = dice(), dice(*strong), dice(*light)
    return torch.tensor([light * (1 + strong * math.cos(2 * math.pi * (hue + k / 3))) for k in range(3)]).clamp(0, 1)


def filled(colour: Tensor, shade: Tensor) -> Tensor:
    """A colour ``(3,)`` by how light it is at each place: ``(3, ...)``."""
    return colour.view(3, *[1] * shade.dim()) * shade


def between(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """From one colour ``(3,)`` to another by shares ``(...)``."""
    return torch.lerp(filled(first, torch.ones_like(share)), filled(second, torch.ones_like(share)), share)


def rough(x: Tensor, y: Tensor, cells: float, dice: Dice) -> Tensor:
    """Unevenness from 0 to 1, without a repetition that is seen: waves in directions of their own."""
    total = torch.zeros_like(x)
    for _ in range(6):
        angle, phase, k = dice(0, math.pi), dice(0, 2 * math.pi), 2 * math.pi * cells * dice(0.5, 1.5)
        total = total + torch.sin(k * (x * math.cos(angle) + y * math.sin(angle)) + phase)
    return (0.5 + total / 7).clamp(0, 1)


def smooth_minimum(a: Tensor, b: Tensor, width: float) -> Tensor:
    """Both shapes as one, with a fillet where they meet."""
    mixed = (0.5 + 0.5 * (b - a) / width).clamp(0, 1)
    return torch.lerp(b, a, mixed) - width * mixed * (1 - mixed)


def capsule(x: Tensor, y: Tensor, start: tuple[float, float], end: tuple[float, float], radius: float) -> Tensor:
    """Distance from a thick line."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = (((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy)).clamp(0, 1)
    return ((x - start[0] - along * dx) ** 2 + (y - start[1] - along * dy) ** 2).sqrt() - radius


def box(x: Tensor, y: Tensor, wide: float, high: float, corner: float) -> Tensor:
    """Distance from a rectangle with half sides ``wide`` and ``high`` and round corners about it."""
    over_x, over_y = x.abs() - wide, y.abs() - high
    outside = (over_x.clamp(min=0) ** 2 + over_y.clamp(min=0) ** 2).sqrt()
    return outside + torch.maximum(over_x, over_y).clamp(max=0) - corner
