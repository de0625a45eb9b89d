"""What everything looks like before light falls on it: colour, gloss, and what it is."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople import features, skin
from drawpeople.background import dye, natural
from drawpeople.camera import rotate, unit
from drawpeople.hair_paint import hair_colour
from drawpeople.head import EAR, HEAD, NECK
from drawpeople.samples import Samples, bell, cover, line, smooth_step
from drawpeople.truth import Region

_NECKLINE = -14.4
_Layer = Callable[[Tensor, Tensor, Samples], Tensor | None]


class Paint(NamedTuple):
    """The look of ``M`` samples."""

    colour: Tensor  # (3, M) linear
    gloss: Tensor  # (M,) from 0, dull as cloth, over 0.4, skin, to 1, wet
    skin: Tensor  # (M,) 1 where light travels under the surface, 0 where it does not
    region: Tensor  # (M,) int64, a Region

    def over(self, s: Samples, where: Tensor, layer: _Layer, region: int) -> None:
        """Paint a layer on the samples where ``where`` is true, in place.

        Args:
            layer: changes the colour and gloss of the samples that it is given; returns how much it covers
                ``(M,)``, or None where it is but a change of colour.
            region: what a sample is where that is over a half.
        """
        index = where.nonzero()[:, 0]
        if len(index):
            colour, gloss = self.colour.index_select(1, index), self.gloss.index_select(0, index)
            covered = layer(colour, gloss, s.to_paint(index))
            self.colour.index_copy_(1, index, colour)
            self.gloss.index_copy_(0, index, gloss)
            if covered is not None:
                before = self.region.index_select(0, index)
                self.region.index_copy_(0, index, torch.where(covered > 0.5, region, before))


def paint_body(s: Samples) -> Paint:
    """Head, ears, neck and clothes."""
    across, front = s.x.abs(), (s.part == HEAD) & (s.z > 0)
    gloss = 0.2 + 0.11 * front * bell(s.x * s.x * (1 / 4)) * smooth_step(6 - s.y, 3.0)  # oilier along the middle
    paint = Paint(s.spread(skin.skin_colour(s.dials)), gloss, torch.ones_like(gloss), torch.ones_like(s.part))
    _wrinkle(paint.colour, s, front & (s.y < 7))
    locks, brow = hair_colour(s.dials), front & (across < 6) & (s.y - 2).abs().lt(1.5)
    jaw = (s.part == HEAD) & (s.z > -1.5) & ((s.y < -3.3) | ((across > 4.5) & (s.y < 0.5)))
    layers = (
        (s.part == EAR, Region.SKIN, lambda c, g, t: skin.ears(c, t)),
        (front, Region.SKIN, lambda c, g, t: skin.complexion(c, t)),
        (front & (across < 4.9) & (s.y < 3.4), Region.SKIN, lambda c, g, t: skin.marks(c, t)),
        (front & (across < 1.75) & (s.y < -0.6) & (s.y > -4.85), Region.NOSE, _nose_layer),
        (jaw, Region.BEARD, lambda c, g, t: skin.beard(c, t, t.spread(locks))),
        ((s.part == HEAD) & (s.above > -0.6), Region.HAIR, lambda c, g, t: skin.scalp(c, t, t.spread(locks))),
        (brow, Region.BROWS, lambda c, g, t: features.brows(c, t, t.spread(locks))),
        (front & (across - 3.1).abs().lt(2.1) & (s.y.abs() < 1.6), Region.EYES, features.eyes),
        (front & (across < 3.1) & (s.y + 6.6).abs().lt(1.5), Region.MOUTH, features.mouth),
        (s.part == NECK, Region.CLOTHES, _clothes),
    )
    for where, region, layer in layers:
        paint.over(s, where, layer, region)
    paint.skin.mul_(paint.region != Region.CLOTHES)
    return paint


def _nose_layer(colour: Tensor, gloss: Tensor, s: Samples) -> Tensor:
    skin.nostrils(colour, s)
    return (s.x.abs() < 0.75 - 0.25 * (s.y + 0.6)).float()  # widens from the bridge to the wings


def _wrinkle(colour: Tensor, s: Samples, where: Tensor) -> None:
    """Turn the normals as wrinkles and pores do, and take some light out of the folds."""
    index = where.nonzero()[:, 0]
    across, up, deep = skin.relief(s.to_paint(index))
    axes = rotate(torch.eye(3, device=colour.device)[:2].expand(len(s.dials["yaw"]), 2, 3), s.dials)
    image, normal = s.image.index_select(0, index), s.normal.index_select(1, index)
    for slope, axis in ((across, axes[:, 0]), (up, axes[:, 1])):
        normal -= slope * axis.T.contiguous().index_select(1, image)
    s.normal.index_copy_(1, index, unit(normal, 0))
    dark = 1 - torch.tensor([0.3, 0.38, 0.4], device=colour.device)[:, None] * deep
    colour.index_copy_(1, index, colour.index_select(1, index) * dark)


def _clothes(colour: Tensor, gloss: Tensor, s: Samples) -> Tensor:
    """The neck in the head's shade; below it a pullover, a shirt with a collar or a hood, in folds."""
    across, kind, front, wear = s.x.abs(), s.dial("clothes_kind"), smooth_step(s.z, 3.0), s.dials
    shirt, hood = ((kind > 0.5) & (kind < 0.75)).float(), (kind >= 0.75).float()
    colour *= 1 - 0.28 * smooth_step(s.y + 14.5, 4.0) * smooth_step(s.z + 1.0, 4.0)  # under the chin
    light = (0.12 + 0.7 * wear["clothes_light"]) * skin.metered(skin.skin_colour(wear)) ** -0.2
    chroma = (0.03 + 0.3 * wear["clothes_colour"] ** 2) * (1.25 - 0.6 * light)
    depth = torch.maximum(s.dial("neckline") * 2.2, 3.0 * shirt) * front  # from round to a V
    edge = _NECKLINE + 0.8 * hood + 0.5 * shirt - depth * (1 - across * (1 / 3.5)).clamp(min=0)
    below = edge - 0.25 * s.z.clamp(-4, 6) + 0.02 * s.x * s.x - s.y  # centimetres under the neckline
    points = 1.2 + front * 2.6 * (1 - (across - 3.0).abs() * (1 / 2.2)).clamp(min=0)  # of a shirt's collar
    wide = 0.9 + points * shirt + 1.8 * hood  # of hem, collar or hood
    rim = below - wide  # its edge throws a shadow
    fold = torch.sin(0.7 * across - 0.45 * s.y + 1.3 * torch.sin(0.33 * s.y + 7 * kind) + 0.5 * s.x)
    collar = smooth_step(-rim, 0.2 + s.pixel) * (0.1 - 0.15 * (below / wide - 0.45).abs())
    shade = 1 + 0.1 * fold * (below * 0.2).clamp(0, 1) + collar
    shade = shade - (0.2 + 0.2 * (shirt + hood)) * smooth_step(rim - 0.05, 0.1 + s.pixel) * (1 - 0.9 * rim).clamp(0, 1)
    shade = shade - 0.4 * line(across - 12.8 + 0.06 * (s.y + 26), 0.5) * smooth_step(-21 - s.y, 3.0)  # sleeves
    shade = shade - 0.2 * line(s.x - 0.5, 0.15 + s.pixel) * shirt * front  # buttoned
    share = smooth_step(below, 2 * s.pixel)
    cover(colour, s.spread(dye(natural(wear["clothes_hue"]), chroma, light)) * shade, share)
    gloss *= 1 - share
    return share
