"""What the rasteriser knows of the places that get a colour: a flat list over all images of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: The values that are interpolated over triangles, in this order.
CHANNELS = 9  # normal (3), place (3), above, ambient, key


@dataclass(frozen=True)
class Samples:
    """``M`` places on surfaces, of all images of a batch."""

    image: Tensor  # (M,) int64: which image
    part: Tensor  # (M,) int64: which thing, see head.py
    values: Tensor  # (9, M): see the properties
    dials: dict[str, Tensor]  # the parameters of person and image, (N,) each
    pixel: float  # centimetres a pixel: how soft an edge has to be to look smooth

    @property
    def normal(self) -> Tensor:
        """``(3, M)`` in camera coordinates, not yet of length 1; on hair the direction of the lock."""
        return self.values[:3]

    @property
    def x(self) -> Tensor:
        """Place: on head, ears and neck the point on the average head (cm); other parts use the three as they like."""
        return self.values[3]

    @property
    def y(self) -> Tensor:
        return self.values[4]

    @property
    def z(self) -> Tensor:
        return self.values[5]

    @property
    def above(self) -> Tensor:
        """Centimetres above the edge of the hair (on the head alone)."""
        return self.values[6]

    @property
    def ambient(self) -> Tensor:
        """The share of the light from all around that arrives."""
        return self.values[7]

    @property
    def key(self) -> Tensor:
        """The share of the lamp's light that arrives, where the surface faces it."""
        return self.values[8]

    def dial(self, name: str) -> Tensor:
        """The parameter of each sample's person or image, ``(M,)``."""
        return self.dials[name].index_select(0, self.image)

    def spread(self, table: Tensor) -> Tensor:
        """A colour an image ``(N, 3)`` as a colour a sample ``(3, M)``."""
        return table.T.contiguous().index_select(1, self.image)

    def take(self, index: Tensor) -> Samples:
        """Those of the samples with these numbers ``(K,)``."""
        return Samples(
            self.image.index_select(0, index),
            self.part.index_select(0, index),
            self.values.index_select(1, index),
            self.dials,
            self.pixel,
        )

    def to_paint(self, index: Tensor) -> Samples:
        """The same as :meth:`take` in half the time: paint needs no normals and no light, which are left undefined."""
        values = self.values.new_empty(len(self.values), len(index))
        values[3:7] = self.values[3:7].index_select(1, index)
        return Samples(
            self.image.index_select(0, index), self.part.index_select(0, index), values, self.dials, self.pixel
        )


def smooth_step(value: Tensor, soft: float) -> Tensor:
    """0 well below zero, 1 well above, a straight ramp ``soft`` wide between."""
    return (value * (1 / soft) + 0.5).clamp(0, 1)


def bell(squared: Tensor) -> Tensor:
    """Close to ``exp(-squared)`` but zero from 4 on, and ten times as quick."""
    value = (1 - 0.25 * squared).clamp(min=0)
    value = value * value
    return value * value


def bump(x: Tensor, y: Tensor, at_x: float, at_y: float, wide: float, high: float) -> Tensor:
    """A soft spot around a place, from 0 to 1."""
    x, y = (x - at_x) * (1 / wide), (y - at_y) * (1 / high)
    return bell(x * x + y * y)


def line(distance: Tensor, half: float) -> Tensor:
    """A soft line where ``distance`` is within about ``half`` of zero."""
    distance = distance * (1 / half)
    return bell(distance * distance)


def slope(distance: Tensor, half: float) -> Tensor:
    """How a groove ``half`` wide rises away from its bottom: from -1 to 1, zero at its bottom and beyond its rims."""
    distance = distance * (1 / half)
    rim = (1 - 0.25 * distance * distance).clamp(min=0)
    return 1.6 * distance * rim * rim * rim


def cover(colour: Tensor, target: Tensor, share: Tensor) -> None:
    """Lay ``target`` ``(3, M)`` over ``colour`` ``(3, M)`` where ``share`` ``(M,)`` is above 0, in place."""
    colour += share * (target - colour)


def palette(colours: tuple[tuple[int, int, int], ...], value: Tensor) -> Tensor:
    """A linear colour ``(N, 3)`` between the sRGB colours of a palette, at ``(N,)`` from 0 to 1."""
    table = (torch.tensor(colours, device=value.device, dtype=torch.float32) / 255) ** 2
    at = value.clamp(0, 1) * (len(colours) - 1)
    k = at.floor().clamp(max=len(colours) - 2).long()
    return table[k] + (table[k + 1] - table[k]) * (at - k)[:, None]
