"""The colours of a face: every mark is a smooth function of the place on the average head, so it is crisp at any size.

Pixels know their rest point (centimetres on the average head, see ``head.py``). Colours are linear light, ``(3, N, P)``
for ``P`` pixels of ``N`` faces; parameters are ``(N, 1)``. Paint goes on in layers, from the skin outwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dlsfaces.synthetic.camera import hue
from dlsfaces.synthetic.head import EAR, HAIR, HEAD, NECK

# Palettes in sRGB, from the first to the last value of their dial.
_SKIN = ((58, 37, 30), (98, 65, 48), (148, 102, 75), (190, 140, 108), (216, 168, 138), (235, 196, 172), (244, 214, 198))
_HAIR = ((16, 13, 13), (34, 25, 20), (62, 42, 29), (98, 68, 44), (142, 106, 68), (196, 160, 108))
_EYES = ((38, 22, 14), (78, 48, 24), (108, 88, 46), (96, 116, 84), (84, 122, 156), (128, 144, 156))


@dataclass(frozen=True)
class Surface:
    """What the rasteriser knows of each pixel, ``(N, P)`` each."""

    part: Tensor  # HEAD, EAR, NECK, HAIR; -1 background
    x: Tensor  # rest point; on hair: angle, share of the way from crown to edge, height
    y: Tensor
    z: Tensor
    edge: Tensor  # cm above the lower edge of the hair (head only)
    pixel: float  # centimetres a pixel: how soft an edge has to be to look smooth


def palette(colours: tuple[tuple[int, int, int], ...], value: Tensor) -> Tensor:
    """A linear colour ``(N, 3)`` between the colours of a palette, at ``(N,)`` from 0 to 1."""
    table = (torch.tensor(colours, device=value.device, dtype=torch.float32) / 255) ** 2
    at = value.clamp(0, 1) * (len(colours) - 1)
    k = at.floor().clamp(max=len(colours) - 2).long()
    return table[k] + (table[k + 1] - table[k]) * (at - k)[:, None]


def skin_colour(person: dict[str, Tensor]) -> Tensor:
    """Linear ``(N, 3)``."""
    red = person["skin_red"][:, None]
    tint = torch.tensor([0.07, -0.05, -0.02], device=red.device)
    return (palette(_SKIN, person["skin_tone"]) * (1 + tint * red)).clamp(0, 1)


def hair_colour(person: dict[str, Tensor]) -> Tensor:
    """Linear ``(N, 3)``."""
    colour = palette(_HAIR, person["hair_light"])
    ginger = torch.tensor([0.36, 0.10, 0.03], device=colour.device)
    grey = torch.tensor([0.46, 0.45, 0.44], device=colour.device)
    colour = colour + (ginger - colour) * 0.75 * person["hair_red"][:, None]
    return colour + (grey - colour) * person["hair_grey"][:, None]


def _step(value: Tensor, soft: float) -> Tensor:
    """0 well below zero, 1 well above, a straight ramp ``soft`` wide between."""
    return (value * (1 / soft) + 0.5).clamp(0, 1)


def _bell(squared: Tensor) -> Tensor:
    """Close to ``exp(-squared)`` but zero from 4 on, and ten times as quick."""
    value = (1 - 0.25 * squared).clamp(min=0)
    value = value * value
    return value * value


def _bump(x: Tensor, y: Tensor, at_x: float, at_y: float, wide: float, high: float) -> Tensor:
    x, y = (x - at_x) * (1 / wide), (y - at_y) * (1 / high)
    return _bell(x * x + y * y)


def _line(distance: Tensor, half: float) -> Tensor:
    """A soft line where ``distance`` is within about ``half`` of zero."""
    distance = distance * (1 / half)
    return _bell(distance * distance)


def _paint(colour: Tensor, target: Tensor, cover: Tensor) -> None:
    """Lay ``target`` ``(N, 3)`` over ``colour`` ``(3, N, P)`` where ``cover`` ``(N, P)`` is above 0, in place."""
    for k in range(3):
        colour[k] += cover * (target[:, k, None] - colour[k])


def _speckle(x: Tensor, y: Tensor) -> Tensor:
    """A cheap, even noise in about [-1, 1] that stays put on the surface."""
    return torch.sin(9.1 * x + 3.0 * torch.sin(5.3 * y)) * torch.sin(8.3 * y + 3.0 * torch.sin(4.7 * x + 1.7))


def paint(surface: Surface, person: dict[str, Tensor], picture: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """All pixels that show a person; the background's are undefined.

    Returns:
        linear colour ``(3, N, P)``; gloss ``(N, P)``; bleed ``(3, N, P)``, see :func:`camera.shade`.
    """
    p = {k: v[:, None] for k, v in (person | picture).items()}
    colour = skin_colour(person).T[:, :, None].expand(3, -1, surface.x.shape[1]).clone()
    gloss = torch.full_like(surface.x, 0.026)
    locks = hair_colour(person)
    is_head, is_hair = surface.part == HEAD, surface.part == HAIR
    speckle = _speckle(surface.x, surface.y)
    across = surface.x.abs()
    front = (is_head & (surface.z > 0)).float()
    _complexion(colour, surface, across, speckle, p)
    _beard(colour, surface, across, speckle, front, locks, p)
    _brows(colour, surface, across, speckle, front, locks, p)
    _mouth(colour, gloss, surface, across, front, person, p)
    _eyes(colour, gloss, surface, across, front, person, p)
    scalp = _step(surface.edge - 0.15 + 0.2 * speckle, 0.5) * _step(0.52 - p["baldness"], 0.05) * 0.9
    scalp = scalp * is_head * torch.maximum(_step(surface.y - 0.5, 1.5), _step(-3 - surface.z, 2.0))  # not the cheeks
    _paint(colour, 0.8 * locks, scalp)
    strands = _strands(surface)
    hair = locks.T[:, :, None] * (0.75 + 0.3 * strands)
    colour = torch.where(is_hair, hair, colour)
    cloth = hue(picture["clothes_hue"], torch.full_like(picture["clothes_hue"], 0.35), picture["clothes_light"])
    neckline = -14.4 - 0.25 * surface.z.clamp(-4, 6) + 0.02 * across * across
    _paint(colour, cloth, _step(neckline - surface.y, 2 * surface.pixel) * (surface.part == NECK))
    skin = ~is_hair & ~((surface.part == NECK) & (surface.y < -14.4))
    gloss = torch.where(is_hair, (0.02 + 0.05 * strands.clamp(min=0)) * (0.4 + p["hair_light"]), gloss * skin)
    bleed = torch.stack([torch.where(skin, b, 0.15) for b in (0.34, 0.2, 0.15)])
    return colour, gloss, bleed


def _complexion(colour: Tensor, s: Surface, across: Tensor, speckle: Tensor, p: dict[str, Tensor]) -> None:
    """Blood under cheeks, nose and ears, freckles, wrinkles, shade in nostrils and ear."""
    blood = 0.5 * _bump(across, s.y, 4.4, -3.0, 1.9, 1.6) + 0.5 * _bump(across, s.y, 0, -3.9, 1.0, 0.9)
    blood = blood + 0.5 * (s.part == EAR)
    spots = (
        p["freckles"] * (_speckle(2.3 * s.x, 2.1 * s.y) - 0.35).clamp(min=0) * _bump(across, s.y, 2.6, -2.0, 2.6, 1.8)
    )
    tired = p["age"] * (0.20 * _bump(across, s.y, 2.8, -1.15, 1.2, 0.4))
    fold_x = 1.75 + 0.33 * (-4.2 - s.y)  # from the nostril to beside the mouth
    fold = _line(across - fold_x, 0.2) * ((s.y + 7.2) * (-4.0 - s.y)).clamp(0, 1)
    lines = _line(torch.sin(3.4 * s.y + 0.03 * s.x * s.x), 0.29) * _bump(across, s.y, 0, 4.6, 3.2, 1.5)
    crows = _line(torch.sin(4 * (s.y - 0.1) * (6.2 - across)), 0.5) * _bump(across, s.y, 5.2, 0, 0.45, 0.8)
    old = (p["age"] - 0.25).clamp(min=0)
    wrinkles = fold * (0.08 + 0.35 * old + 0.15 * p["smile"].clamp(min=0)) + old * (0.18 * lines + 0.25 * crows)
    nostril = _bump(across, s.y, 0.75, -4.82, 0.42, 0.2) * (s.z > 0)
    dark = 0.06 * speckle + tired + wrinkles * (s.z > 0) + 0.85 * nostril + 0.5 * spots
    for k, (red, shadow) in enumerate(((0.10, 0.85), (-0.16, 1.0), (-0.14, 1.05))):
        colour[k] *= (1 + red * blood) * (1 - shadow * dark).clamp(min=0.03)


def _beard(
    colour: Tensor, s: Surface, across: Tensor, speckle: Tensor, front: Tensor, locks: Tensor, p: dict[str, Tensor]
) -> None:
    """Stubble to full beard on jaw and upper lip."""
    line = -5.2 - 1.3 * _bump(across, s.y * 0, 3.0, 0, 1.6, 1) + 0.9 * (across - 4.5).clamp(min=0)
    jaw = _step(line - s.y + 0.25 * speckle, 1.0)
    off_mouth = 1 - _bump(across, s.y, 0, -6.7, 2.5, 1.25)
    lip = _bump(across, s.y, 1.0, -5.55, 1.7, 0.5) * 1.3
    full = _step(p["beard"] - 0.45, 0.5) * jaw * (off_mouth.clamp(min=0) * 1.4).clamp(max=1)
    cover = torch.maximum(full, _step(p["moustache"] - 0.5, 0.5) * lip.clamp(max=1))
    stubble = 0.3 * (p["beard"] * 2).clamp(max=1) * torch.maximum(jaw * off_mouth, 0.6 * lip)
    _paint(colour, 0.8 * locks, (torch.maximum(cover * (0.93 + 0.07 * speckle), stubble) * front).clamp(0, 0.95))


def _brows(
    colour: Tensor, s: Surface, across: Tensor, speckle: Tensor, front: Tensor, locks: Tensor, p: dict[str, Tensor]
) -> None:
    """A tapering arch above each eye, of slanting hairs."""
    length = 2.05 + 0.3 * p["brow_length"]
    along = (across - 3.05) / length  # -1 at the nose, 1 at the temple
    arch = 0.28 + 0.18 * p["brow_arch"]
    middle = 1.9 + 0.32 * p["brow_height"] + 0.22 * p["brow_tilt"] * along + arch * (0.35 - (along - 0.1) ** 2)
    half = (0.3 + 0.13 * p["brow_thickness"]) * (1 - 0.28 * (along + 1)).clamp(min=0.1)
    inside = _step(half - (s.y - middle).abs(), 0.22 + s.pixel) * _step(1 - along.abs(), 0.25 + s.pixel)
    hairs = 0.85 + 0.15 * torch.sin(14 * across - 9 * s.y) + 0.1 * speckle
    cover = inside * hairs * (0.5 + 0.45 * p["brow_density"]) * front
    _paint(colour, 0.55 * locks, cover.clamp(0, 0.95))


def _mouth(
    colour: Tensor, gloss: Tensor, s: Surface, across: Tensor, front: Tensor, person: dict[str, Tensor], p: dict
) -> None:
    """Lips, the slit between them, and behind it, when open, teeth and dark."""
    u = across / 2.72
    outline = (1 - u * u).clamp(min=0)
    root = outline.sqrt()
    bow = 1 - 0.3 * p["lip_bow"] * _line(across, 0.4) + 0.15 * _line(across - 0.7, 0.5)
    upper = (0.62 + 0.22 * p["lip_upper"]) * (outline * root).sqrt() * bow
    lower = (0.85 + 0.28 * p["lip_lower"]) * root
    rise = s.y + 6.5
    soft = 0.1 + s.pixel
    lips = _step(upper - rise, soft) * _step(rise + lower, soft) * (outline > 0)
    tint = torch.tensor([0.88, 0.46, 0.48], device=colour.device)
    red = skin_colour(person) * (tint + (1 - tint) * 0.7 * (1 - person["lip_red"][:, None]))
    _paint(colour, red, (lips * front * 0.9).clamp(max=1))
    gloss += 0.03 * lips * front
    open_ = p["mouth_open"]
    slit = (0.07 + 0.075 * (4 * open_).clamp(max=1)) * (outline * 2).clamp(max=1)
    inside = _step(slit - rise.abs(), 0.07) * (0.9 + 0.1 * (4 * open_).clamp(max=1)) * front
    _paint(colour, torch.full_like(red, 0.012) + 0.06 * red, inside * (u < 1.02))
    below_lip = (0.14 - rise) * (1.5 * open_ + 0.28) / 0.28  # centimetres under the upper lip
    teeth = _step(0.62 - below_lip, 0.15) * _step(1.7 - across, 0.5) * _step(open_ - 0.1, 0.1)
    ivory = torch.tensor([0.62, 0.58, 0.5], device=colour.device).expand_as(red)
    _paint(colour, ivory, inside * teeth * 0.9)
    gloss *= 1 - inside


def _eyes(
    colour: Tensor, gloss: Tensor, s: Surface, across: Tensor, front: Tensor, person: dict[str, Tensor], p: dict
) -> None:
    """Eyeball between its lids, iris that looks where the gaze points, lashes, the fold of the upper lid."""
    u = (across - 3.1) / 1.58
    almond = (1 - u * u).clamp(min=0)
    root = almond.sqrt()
    aperture = (1 - p["eye_shut"]) * (1 + 0.28 * p["eye_openness"]) * (1 + 0.12 * p["brow_raise"])
    lean = 0.06 * u
    top = 0.62 * aperture * root * (1 - 0.12 * u) + lean
    bottom = -0.4 * aperture * almond * (1 - 0.4 * p["smile"].clamp(min=0)) + lean - 0.12 * p["eye_shut"] * almond
    top = top - 0.2 * p["eye_shut"] * almond
    soft = 0.06 + s.pixel
    ball = _step(top - s.y, soft) * _step(s.y - bottom, soft) * (almond > 0) * front
    white = torch.tensor([0.4, 0.375, 0.36], device=colour.device).expand(len(person["sex"]), 3)
    shadow = (0.55 + 0.45 * _step(top - s.y - 0.12, 0.4)) * (0.6 + 0.4 * almond)
    for k in range(3):
        colour[k] += ball * (white[:, k, None] * shadow - colour[k])
    _iris(colour, s, ball, shadow, person, p)
    gloss += ball * 0.06
    lash = _line(s.y - top - 0.03, 0.09 + 0.4 * s.pixel) * root * front
    rim = _line(s.y - bottom + 0.03, 0.08) * almond * front
    fold = _line(s.y - top - 0.32 + 0.1 * p["brow_raise"], 0.1) * root * front
    shade = (0.8 - 0.15 * p["sex"]) * lash + 0.25 * rim + (0.15 + 0.35 * p["eyelid_fold"]) * fold
    for k in range(3):
        colour[k] *= 1 - shade.clamp(0, 0.92)


def _iris(
    colour: Tensor, s: Surface, ball: Tensor, shadow: Tensor, person: dict[str, Tensor], p: dict[str, Tensor]
) -> None:
    """Iris with its dark ring, pupil, and the lamp's reflection."""
    size = 1 + 0.16 * p["eye_size"]  # the surface is stretched by so much, irises hardly differ
    side = torch.where(s.x > 0, 1.0, -1.0)
    dx = (s.x - 3.1 * side - 0.45 * p["gaze_x"]) * size
    dy = (s.y - 0.1 - 0.22 * p["gaze_y"]) * size
    distance = (dx * dx + dy * dy).sqrt()
    soft = 0.08 + s.pixel
    iris = _step(0.6 - distance, soft) * ball
    tone = palette(_EYES, person["eye_colour"])
    light = (0.55 + 0.9 * _step(0.5 - distance, 0.25)) * (0.4 + 0.6 * shadow) * (0.8 - 0.6 * dy)
    for k in range(3):
        colour[k] += iris * (tone[:, k, None] * light - colour[k])
    _paint(colour, torch.full_like(tone, 0.006), _step(0.25 - distance, soft) * iris)
    spark_x, spark_y = 0.2 * torch.sin(p["light_azimuth"] * torch.pi / 180), 0.2
    spark = _bump(dx - spark_x, dy - spark_y, 0, 0, 0.11, 0.11)
    _paint(colour, torch.full_like(tone, 0.95), spark * iris * (p["light_strength"] * 0.9).clamp(max=1))


def _strands(s: Surface) -> Tensor:
    """Light and dark locks along the hair, about -1 to 1: they run from the crown to the edge."""
    sway = 0.35 * torch.sin(4 * s.y * 0.4 + 3 * s.x)
    fine = torch.sin(46 * s.x + 5 * sway) + 0.6 * torch.sin(87 * s.x + 4 * sway + 2 * s.y)
    return 0.45 * fine + 0.4 * torch.sin(17 * s.x + 6 * sway)
