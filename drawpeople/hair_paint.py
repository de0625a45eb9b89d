"""The colour and shine of hair: fibres, not a surface.

A fibre scatters light best when lit from its side, and mirrors it in a cone round itself (Kajiya and Kay 1989,
"Rendering fur with three dimensional textures", equations 13 to 15). Its mirror images are two: a white one off its
surface, moved towards the root, and a wider one that has passed through it and took its colour, moved towards the tip
(Marschner et al. 2003, "Light scattering from human hair fibers", section 4.1).
"""

import torch
from torch import Tensor

from drawpeople.camera import unit
from drawpeople.light import lamps
from drawpeople.samples import Samples, bell, palette

# sRGB, from the first to the last value of the dial
_HAIR = ((20, 16, 15), (38, 27, 21), (64, 44, 31), (98, 69, 46), (144, 108, 70), (190, 154, 104), (216, 188, 140))
_GINGER = (0.33, 0.095, 0.025)
_GREY = (0.42, 0.415, 0.41)
_SHIFT = (-0.07, 0.14)  # of the two mirror images along the fibre, as sines
_WIDTH = (0.16, 0.34)


def hair_colour(person: dict[str, Tensor]) -> Tensor:
    """A person's hair, linear ``(N, 3)``."""
    colour = palette(_HAIR, person["hair_light"])
    colour = colour + (colour.new_tensor(_GINGER) - colour) * 0.75 * person["hair_red"][:, None]
    return colour + (colour.new_tensor(_GREY) - colour) * person["hair_grey"][:, None]


def strands(s: Samples, locks: Tensor) -> Tensor:
    """The linear colour ``(3, M)`` of places on hair of the colours ``locks``: strands, streaks, dark roots."""
    across, along, own = s.x, s.y, s.z
    fine = torch.sin(9.0 * across + 40.0 * own + 2.0 * along) + torch.sin(17.0 * across - 70.0 * own)
    strip = across * 0.5 + 0.5
    across = 2 * (strip - strip.floor()) - 1  # the layer underneath is as if of many locks
    rounded = 1.08 - 0.5 * across * across
    grain = torch.sin(70.0 * along + 2.0 * torch.sin(5.0 * s.x))
    curls = torch.sin(26.0 * along + 1.5 * torch.sin(0.9 * s.x)) * torch.sin(1.1 * s.x + 2.0 * torch.sin(14.0 * along))
    rounded = torch.where(own > 1, torch.where(own > 2, 0.8 + 0.55 * curls, 0.85 + 0.15 * grain), rounded)
    streaks = s.dial("hair_streaks")
    varied = 1 + (0.25 + 0.5 * streaks) * (_scatter(own) - 0.5) + (0.1 + 0.4 * streaks) * (along - 0.4)
    return locks * (rounded * varied * (1 + 0.13 * fine * (own <= 1)))


def _scatter(own: Tensor) -> Tensor:
    """Another number from 0 to 1 that each lock has."""
    many = 37.0 * own
    return many - many.floor()


def reflects(s: Samples, colour: Tensor, direction: Tensor) -> Tensor:
    """Light that hair sends to the viewer, linear ``(3, M)``, where all of a lamp's arrives.

    ``colour`` is :func:`strands`', ``direction`` that of the lamp, unit ``(N, 3)``; the samples' normals are tangents.
    """
    tx, ty, tz = unit(s.normal, 0)
    half = unit(direction + direction.new_tensor([0.0, 0.0, 1.0]), 1)
    (lx, ly, lz), (hx, hy, hz) = s.spread(direction), s.spread(half)
    along_light = tx * lx + ty * ly + tz * lz
    along_half = tx * hx + ty * hy + tz * hz + 0.12 * (_scatter(s.z) - 0.5)
    diffuse = (1 - along_light * along_light).clamp(min=0).sqrt()
    white, tinted = (bell(((along_half - at) / wide) ** 2) for at, wide in zip(_SHIFT, _WIDTH))
    gloss = torch.where(s.z > 1, 0.1, 0.3 + 0.9 * s.dial("hair_gloss"))  # stubble is dull
    white, tinted = 0.055 * gloss * white, 0.9 * gloss * tinted
    return colour * (0.12 + 0.6 * diffuse + tinted) + white


def shade(s: Samples, shot: dict[str, Tensor]) -> Tensor:
    """Hair in all the light of its image, linear ``(3, M)``."""
    lights = lamps(shot)
    colour = strands(s, s.spread(hair_colour(s.dials)))
    lit = colour * (s.ambient * (0.6 * s.spread(lights.sky) + 0.4 * s.spread(lights.ground)))
    for lamp, arrives in ((lights.key, s.key), (lights.fill, 0.7 * s.ambient), (lights.rim, s.ambient)):
        lit += reflects(s, colour, lamp.direction) * (arrives * s.spread(lamp.colour))
    return lit
