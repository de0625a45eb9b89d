"""The colour and shine of hair: fibres, not a surface.

A fibre scatters light best when lit from its side, and mirrors it in a cone round itself (Kajiya and Kay 1989,
"Rendering fur with three dimensional textures", equations 13 to 15). Its mirror images are two: a white one off its
surface, moved towards the root, and a wider one that has passed through it and took its colour, moved towards the tip
(Marschner et al. 2003, "Light scattering from human hair fibers", section 4.1).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from drawpeople.camera import unit
from drawpeople.directions import smooth
from drawpeople.hair_style import wanted
from drawpeople.light import lamps
from drawpeople.samples import Samples, bell, palette

# sRGB, from the first to the last value of the dial
_HAIR = ((32, 27, 26), (46, 34, 28), (68, 48, 35), (98, 69, 46), (144, 108, 70), (190, 154, 104), (216, 188, 140))
_GINGER = (0.33, 0.095, 0.025)
_GREY = (0.28, 0.276, 0.27)
_SHIFT = (-0.07, 0.14)  # of the two mirror images along the fibre, as sines
_WIDTH = (0.16, 0.34)
_STRANDS, _TUFTS = 8.0, 4.0  # in half the width of a lock
_SHEET = 50.0  # places across: up to here of the layer underneath, from there of locks
_WAVES = 22.0  # radians from root to tip


def hair_colour(person: dict[str, Tensor]) -> Tensor:
    """A person's hair, linear ``(N, 3)``."""
    colour = palette(_HAIR, person["hair_light"])
    colour = colour + (colour.new_tensor(_GINGER) - colour) * 0.75 * person["hair_red"][:, None]
    return colour + (colour.new_tensor(_GREY) - colour) * person["hair_grey"][:, None]


def grows(person: dict[str, Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Which places of locks (see :class:`hair.Hair`) have a hair: a lock thins out to its sides and its tip."""
    weave = _weave(person)

    def is_there(place: Tensor, image: Tensor) -> Tensor:
        across, strand = _hairs(weave, place[0], place[1], image)
        side = (0.5 * across + 100.5).frac() - 0.5
        thins = 4 * side * side * (place[0] > _SHEET) + 0.5 * (strand - strand.floor() - 0.5).abs()
        return (0.6180340 * strand.floor()).frac().abs() + thins < place[2]

    return is_there


def _weave(person: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """How far hairs wind, in halves of a lock's width; tufts from root to tip, 0 but in stubble, coils: ``(N,)``."""
    w = {name: value[:, 0] for name, value in wanted(person).items()}
    coiled = torch.maximum(smooth(0.3, 0.5, w["curl"]), smooth(0.7, 0.8, person["hair_wave"])) * (w["side"] < 9)
    tufts = torch.maximum(26 * coiled, 70.0 * ((w["top"] < 1.5) | (w["thin"] > 0.5))).floor()
    return (0.5 * (w["curl"] - 0.15)).clamp(0, 0.4), tufts


def _hairs(weave: tuple[Tensor, Tensor], across: Tensor, along: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Places across, wound; and there the number of the hair or tuft, and how much of it is passed."""
    wind, tufts = (w.index_select(0, image) for w in weave)
    across = across + wind * torch.sin(_WAVES * along + across)
    row = (along * tufts).floor()
    return across, torch.where(tufts > 0, _TUFTS, _STRANDS) * across + 0.37 * row * row


def _strand(s: Samples) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The hair at each sample: its side in its lock; what the lock, and it, have of their own; 1 for a tuft, or 0.

    All ``(M,)``; the first three from -0.5 to 0.5.
    """
    weave = _weave(s.dials)
    across, strand = _hairs(weave, s.x, s.y, s.image)
    tuft = (weave[1] > 0).float().index_select(0, s.image)
    seen = ((0.05 + 0.08 * tuft) * (1 / s.pixel)).clamp(max=1)  # they are too fine to be seen in a small image
    lock, own = 0.5 * across + 100.5, (0.7548777 * strand.floor()).frac().abs() - 0.5
    return lock.frac() - 0.5, (0.6180340 * lock.floor()).frac() - 0.5, own * seen, tuft


def reflects(s: Samples, gloss: Tensor, tilt: Tensor, colour: Tensor, direction: Tensor) -> Tensor:
    """Light that hair sends to the viewer, linear ``(3, M)``, where all of a lamp's arrives.

    The lamp is in ``direction``, unit ``(N, 3)``; the samples' normals are tangents; ``tilt`` moves the mirror images.
    """
    tx, ty, tz = unit(s.normal, 0)
    half = unit(direction + direction.new_tensor([0.0, 0.0, 1.0]), 1)
    (lx, ly, lz), (hx, hy, hz) = s.spread(direction), s.spread(half)
    along_light = tx * lx + ty * ly + tz * lz
    along_half = tx * hx + ty * hy + tz * hz + tilt
    diffuse = (1 - along_light * along_light).clamp(min=0).sqrt()
    white, tinted = (bell(((along_half - at) / wide) ** 2) for at, wide in zip(_SHIFT, _WIDTH))
    white, tinted = 0.085 * gloss * white + 0.018, 0.9 * gloss * tinted
    return colour * (0.12 + 0.6 * diffuse + tinted) + white


def shade(s: Samples, shot: dict[str, Tensor]) -> Tensor:
    """Hair in all the light of its image, linear ``(3, M)``."""
    lights = lamps(shot)
    side, lock, own, tuft = _strand(s)
    streaks = s.dial("hair_streaks")
    varied = 1 + (0.15 + 0.4 * streaks) * lock + (0.1 + 0.4 * streaks) * (s.y - 0.4)  # dark roots, light tips
    colour = s.spread(hair_colour(s.dials)) * ((1.08 - 1.2 * side * side) * varied * (1 + (0.45 + 0.25 * tuft) * own))
    gloss, tilt = (0.3 + 0.9 * s.dial("hair_gloss")) * (1 - 0.5 * tuft), 0.05 * lock + (0.12 + 0.6 * tuft) * own
    around = s.ambient * (0.6 * s.spread(lights.sky) + 0.4 * s.spread(lights.ground))
    lit = (colour + 0.02 * (1 + 1.5 * own)) * around  # some of it is mirrored
    for lamp, arrives in ((lights.key, s.key), (lights.fill, 0.7 * s.ambient), (lights.rim, s.ambient)):
        lit += reflects(s, gloss, tilt, colour, lamp.direction) * (arrives * s.spread(lamp.colour))
    return lit
