"""What everything looks like before light falls on it: colour, gloss, and what it is."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople import features, skin
from drawpeople.background import dye
from drawpeople.hair_paint import hair_colour
from drawpeople.head import EAR, HEAD, NECK
from drawpeople.samples import Samples, bell, cover, smooth_step
from drawpeople.truth import Region

_NECKLINE = -14.4


class Paint(NamedTuple):
    """The look of ``M`` samples."""

    colour: Tensor  # (3, M) linear
    gloss: Tensor  # (M,) from 0, dull as cloth, over 0.4, skin, to 1, wet
    skin: Tensor  # (M,) 1 where light travels under the surface, 0 where it does not
    region: Tensor  # (M,) int64, a Region

    def over(self, s: Samples, where: Tensor, layer: Callable[[Tensor, Tensor, Samples], Tensor], region: int) -> None:
        """Paint a layer on the samples where ``where`` is true, in place.

        Args:
            layer: changes the colour and gloss of the samples that it is given; returns how much it covers, ``(M,)``.
            region: what a sample is where that is over a half.
        """
        index = where.nonzero()[:, 0]
        if len(index):
            colour, gloss = self.colour.index_select(1, index), self.gloss.index_select(0, index)
            covered = layer(colour, gloss, s.to_paint(index)) > 0.5
            self.colour.index_copy_(1, index, colour)
            self.gloss.index_copy_(0, index, gloss)
            self.region.index_copy_(0, index, torch.where(covered, region, self.region.index_select(0, index)))


def paint_body(s: Samples) -> Paint:
    """Head, ears, neck and clothes."""
    across, front = s.x.abs(), (s.part == HEAD) & (s.z > 0)
    gloss = 0.34 + 0.16 * front * bell(s.x * s.x * (1 / 4)) * smooth_step(6 - s.y, 3.0)  # oilier along the middle
    paint = Paint(s.spread(skin.skin_colour(s.dials)), gloss, torch.ones_like(gloss), torch.ones_like(s.part))
    locks = hair_colour(s.dials)
    layers = (
        (front | (s.part == EAR), Region.SKIN, _skin_layer(skin.complexion)),
        (front & (across < 4.9) & (s.y < 3.4), Region.SKIN, _skin_layer(skin.marks)),
        (front & (s.y < 7), Region.SKIN, _skin_layer(skin.wrinkles)),
        (front & (across < 1.75) & (s.y < -0.6) & (s.y > -4.85), Region.NOSE, _nose_layer),
        (
            (s.part == HEAD) & (s.z > -1.5) & ((s.y < -3.3) | ((across > 4.5) & (s.y < 0.5))),
            Region.BEARD,
            lambda c, g, t: skin.beard(c, t, t.spread(locks)),
        ),
        ((s.part == HEAD) & (s.above > -0.6), Region.HAIR, lambda c, g, t: skin.scalp(c, t, t.spread(locks))),
        (
            front & (across < 6) & (s.y - 2).abs().lt(1.5),
            Region.BROWS,
            lambda c, g, t: features.brows(c, t, t.spread(locks)),
        ),
        (front & (across - 3.1).abs().lt(2.1) & (s.y.abs() < 1.6), Region.EYES, features.eyes),
        (front & (across < 3.1) & (s.y + 6.6).abs().lt(1.5), Region.MOUTH, features.mouth),
        (s.part == NECK, Region.CLOTHES, _clothes),
    )
    for where, region, layer in layers:
        paint.over(s, where, layer, region)
    paint.skin.mul_(paint.region != Region.CLOTHES)
    return paint


def _skin_layer(change: Callable[[Tensor, Samples], None]) -> Callable[[Tensor, Tensor, Samples], Tensor]:
    """A layer that colours skin and leaves it skin."""

    def layer(colour: Tensor, gloss: Tensor, s: Samples) -> Tensor:
        change(colour, s)
        return torch.zeros_like(gloss)

    return layer


def _nose_layer(colour: Tensor, gloss: Tensor, s: Samples) -> Tensor:
    skin.nostrils(colour, s)
    return (s.x.abs() < 0.75 - 0.25 * (s.y + 0.6)).float()  # widens from the bridge to the wings


def _clothes(colour: Tensor, gloss: Tensor, s: Samples) -> Tensor:
    cloth = s.spread(dye(s.dials["clothes_hue"], 0.3, s.dials["clothes_light"]))
    depth = s.dial("neckline") * 2.2 * (1 - (s.x.abs() * (1 / 3.5)).clamp(max=1))  # from round to a V
    line = _NECKLINE - depth - 0.25 * s.z.clamp(-4, 6) + 0.02 * s.x * s.x
    share = smooth_step(line - s.y, 2 * s.pixel)
    hem = 1 - 0.25 * ((line - s.y) * (1 / 0.5)).clamp(0, 1) * (1 - ((line - s.y) * (1 / 0.9)).clamp(0, 1))
    cover(colour, cloth * hem, share)
    gloss *= 1 - share
    return share
