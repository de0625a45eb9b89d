"""Light on skin, cloth and hair: a lamp with its shadow, a weaker one opposite, one behind, and light from all around.

Light is linear. The lamps' strengths are relative: the camera is set for their sum (:func:`lamps`), so that a dim room
and a bright day give a face of the same brightness, and the sensor's exposure alone makes it darker or lighter.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople.background import surroundings
from drawpeople.camera import unit
from drawpeople.samples import Samples

_DEGREE = torch.pi / 180

#: How far red, green and blue light travel under skin: the cosine beyond which none comes round into the shadow
#: (after Jimenez et al. 2009, "Screen-space perceptual rendering of human skin", whose profile is widest for red).
_BLEED = (0.38, 0.24, 0.18)
_PENUMBRA = (0.4, 0.1, 0.0)  # the same along the edge of a cast shadow
_SKIN_REFLECTS = 0.028  # of light that arrives at a right angle: a refractive index of 1.4


class Lamp(NamedTuple):
    """A light far away."""

    direction: Tensor  # (N, 3) unit, camera coordinates
    colour: Tensor  # (N, 3) linear, what a white card that faces it reflects


class Lamps(NamedTuple):
    """All the light in the images of a batch."""

    key: Lamp
    fill: Lamp
    rim: Lamp
    sky: Tensor  # (N, 3) what a white card that looks up reflects
    ground: Tensor  # (N, 3) and one that looks down


def light_direction(shot: dict[str, Tensor]) -> Tensor:
    """Unit vectors towards the lamp in camera coordinates: ``(N, 3)``."""
    azimuth, elevation = (shot[k] * _DEGREE for k in ("light_azimuth", "light_elevation"))
    flat = torch.cos(elevation)
    return torch.stack((torch.sin(azimuth) * flat, torch.sin(elevation), torch.cos(azimuth) * flat), dim=-1)


def warmth(amount: Tensor, strength: float) -> Tensor:
    """The colour of a light: ``(N,)`` from -1 (blue) to 1 (orange) to ``(N, 3)`` of equal green."""
    return torch.stack((1 + strength * amount, torch.ones_like(amount), 1 - strength * amount), dim=-1)


def lamps(shot: dict[str, Tensor]) -> Lamps:
    """The lights of each image, scaled so that a white card in the face's place is about as bright in all of them."""
    toward = light_direction(shot)
    side = torch.where(toward[:, :1] < 0, 1.0, -1.0)  # the side that the lamp leaves dark
    fill = unit(side * toward.new_tensor([0.7, 0.0, 0.0]) + toward.new_tensor([0.0, 0.15, 0.7]), 1)
    rim = unit(side * toward.new_tensor([0.75, 0.0, 0.0]) + toward.new_tensor([0.0, 0.45, -0.55]), 1)
    around = warmth(shot["ambient_warmth"], 0.15) * surroundings(shot)
    frontal = 0.35 + 0.65 * toward[:, 2].clamp(min=0)  # how much of the lamp a camera sees in the face
    arrives = frontal + 0.8 * shot["ambient"] + 0.6 * shot["light_fill"]
    gain = (1.05 / arrives)[:, None]
    key = warmth(shot["light_warmth"], 0.14) * gain
    return Lamps(
        Lamp(toward, key),
        Lamp(fill, around * (shot["light_fill"][:, None] * gain)),
        Lamp(rim, warmth(shot["light_warmth"], -0.1) * (shot["light_rim"][:, None] * gain)),
        around * (1.1 * shot["ambient"][:, None] * gain),
        around * warmth(torch.ones_like(shot["ambient"]), 0.08) * (0.45 * shot["ambient"][:, None] * gain),
    )


class _Shine(NamedTuple):
    """How surfaces mirror: Schlick's Fresnel term and microfacets as GGX has them, the viewer far in front.

    Schlick 1994, "An inexpensive BRDF model for physically-based rendering", equation 15; Walter et al. 2007,
    "Microfacet models for refraction", equation 33; the visibility term is Kelemen and Szirmay-Kalos 2001's.
    """

    strength: Tensor  # (M,) share of what the index of refraction says that is mirrored
    squared: Tensor  # (M,) roughness, squared

    @staticmethod
    def of(gloss: Tensor) -> _Shine:
        width = 0.62 - 0.5 * gloss
        return _Shine((2.5 * gloss).clamp(max=1), width * width)

    def take(self, index: Tensor) -> _Shine:
        """Those of the surfaces with these numbers ``(K,)``."""
        return _Shine(self.strength.index_select(0, index), self.squared.index_select(0, index))

    def glint(self, samples: Samples, direction: Tensor) -> Tensor:
        """Light mirrored to the viewer as a share of what a white card would reflect, before the lamp's angle."""
        half = direction + direction.new_tensor([0.0, 0.0, 1.0])
        half = unit(half, 1)
        cosine = half[:, 2]  # between the lamp and the half vector, and between that and the viewer
        fresnel = _SKIN_REFLECTS + (1 - _SKIN_REFLECTS) * (1 - cosine) ** 5
        scale = fresnel / (4 * cosine * cosine).clamp(min=0.2)
        aligned = _cosine(samples, half).clamp(min=0)
        spread = aligned * aligned * (self.squared - 1) + 1
        return self.strength * self.squared / (spread * spread) * scale.index_select(0, samples.image)


def _cosine(samples: Samples, direction: Tensor) -> Tensor:
    """Between the normals and each image's unit vector ``(N, 3)``: ``(M,)``."""
    nx, ny, nz = samples.normal
    x, y, z = samples.spread(direction)
    return nx * x + ny * y + nz * z


def shade(samples: Samples, colour: Tensor, gloss: Tensor, skin: Tensor, shot: dict[str, Tensor]) -> Tensor:
    """Light surfaces: linear ``(3, M)``.

    Args:
        colour: linear ``(3, M)``.
        gloss: ``(M,)`` from 0, dull as cloth, over 0.4, skin, to 1, wet.
        skin: ``(M,)`` 1 where light travels under the surface, 0 where it does not.
    """
    lights, shine = lamps(shot), _Shine.of(gloss)
    lit = _surroundings(samples, colour, shine, skin, lights)
    _key_light(lit, samples, colour, shine, skin, lights.key, shot["light_hardness"])
    _fill_light(lit, samples, colour, lights.fill)
    _rim_light(lit, samples, colour, shine, lights.rim)
    return lit


def _surroundings(samples: Samples, colour: Tensor, shine: _Shine, skin: Tensor, lights: Lamps) -> Tensor:
    """Light from sky and ground, scattered and, where the surface is seen from its edge, mirrored."""
    _, ny, nz = samples.normal
    ambient = samples.ambient
    sky, ground = samples.spread(lights.sky), samples.spread(lights.ground)
    edge = (1 - nz).clamp(0, 1)
    edge = edge * edge
    sheen = shine.strength * (_SKIN_REFLECTS + 0.1 * edge * edge) * ambient
    hollow = ambient * (1 - ambient) * skin  # light that skin throws back and forth in a hollow takes its colour
    up = 0.5 + 0.5 * ny
    lit = torch.empty_like(colour)
    for k in range(3):
        around = ground[k] + up * (sky[k] - ground[k])
        lit[k] = around * (colour[k] * (ambient + colour[k] * hollow) + sheen)
    return lit


def _key_light(
    lit: Tensor, samples: Samples, colour: Tensor, shine: _Shine, skin: Tensor, lamp: Lamp, hardness: Tensor
) -> None:
    """Add the lamp: under skin its light bleeds into the shade, red furthest; a large lamp reaches round corners."""
    key = samples.key
    facing = _cosine(samples, lamp.direction)
    glint = shine.glint(samples, lamp.direction) * facing.clamp(min=0) * key
    edge = key * (1 - key) * skin
    wide = (0.3 * (1 - hardness)).index_select(0, samples.image)
    light = samples.spread(lamp.colour)
    for k in range(3):
        bleed = wide + _BLEED[k] * skin
        diffuse = ((facing + bleed) / (1 + bleed)).clamp(min=0)
        diffuse = diffuse * (1 - 1.5 * bleed * (1 - diffuse))  # fades out instead of ending in an edge
        arrives = diffuse * (key + _PENUMBRA[k] * edge)
        lit[k] += light[k] * (colour[k] * arrives + glint)


def _fill_light(lit: Tensor, samples: Samples, colour: Tensor, lamp: Lamp) -> None:
    """Add a large, weak lamp: it casts no shadow of its own, but reaches hollows as little as ambient light does."""
    arrives = ((_cosine(samples, lamp.direction) + 0.3) * (1 / 1.3)).clamp(min=0) * samples.ambient
    light = samples.spread(lamp.colour)
    for k in range(3):
        lit[k].addcmul_(colour[k] * light[k], arrives)


def _rim_light(lit: Tensor, samples: Samples, colour: Tensor, shine: _Shine, lamp: Lamp) -> None:
    """Add a lamp behind the head: few places face it, the edge of cheek and hair among them."""
    facing = _cosine(samples, lamp.direction)
    on = lamp.colour[:, 1] > 0
    index = ((facing > 0) & on.index_select(0, samples.image)).nonzero()[:, 0]
    samples, shine, colour = samples.take(index), shine.take(index), colour.index_select(1, index)
    arrives = facing.index_select(0, index) * samples.ambient
    light = samples.spread(lamp.colour) * (colour + shine.glint(samples, lamp.direction)) * arrives
    lit.index_add_(1, index, light)
