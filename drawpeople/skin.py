"""Skin: complexion, marks, wrinkles, beard, and the scalp under the hair.

Every mark is a function of the place on the average head (``Samples.x, y, z``, centimetres), so it moves with the
surface and is crisp at any size. Colours are linear light ``(3, M)``; layers are painted from the skin outwards.
"""

import torch
from torch import Tensor

from drawpeople.head import EAR
from drawpeople.samples import Samples, bell, bump, cover, line, palette, smooth_step

# sRGB, from the first to the last value of the dial
_SKIN = ((62, 40, 32), (92, 60, 45), (132, 90, 66), (172, 124, 94), (204, 156, 124), (226, 184, 156), (238, 204, 182))


def skin_colour(person: dict[str, Tensor]) -> Tensor:
    """Linear ``(N, 3)``."""
    red, yellow = person["skin_red"][:, None], person["skin_yellow"][:, None]
    tint = torch.tensor([0.08, -0.06, -0.05], device=red.device) * red
    tint = tint + torch.tensor([0.02, 0.0, -0.11], device=red.device) * yellow
    return (palette(_SKIN, person["skin_tone"]) * (1 + tint)).clamp(0, 1)


def speckle(x: Tensor, y: Tensor) -> Tensor:
    """A cheap, even noise in about [-1, 1] that stays put on the surface."""
    return torch.sin(9.1 * x + 3.0 * torch.sin(5.3 * y)) * torch.sin(8.3 * y + 3.0 * torch.sin(4.7 * x + 1.7))


def complexion(colour: Tensor, s: Samples) -> None:
    """Blood under cheeks, nose and ears; blotches of each person's own; tired eyes."""
    across, pattern = s.x.abs(), 20 * s.dial("skin_pattern")
    blood = bump(across, s.y, 4.3, -3.2, 2.2, 1.9) + bump(across, s.y, 0, -4.0, 1.3, 1.0) + 0.6 * (s.part == EAR)
    blood = blood * (0.2 + 0.6 * s.dial("ruddy")) + 0.4 * bump(across, s.y, 0, -9.8, 1.8, 1.2)
    tired = (0.15 + 0.85 * s.dial("eye_rings")) * bump(across, s.y, 2.7, -1.05, 1.4, 0.55)
    blotch = torch.sin(1.1 * s.x + pattern) * torch.sin(1.3 * s.y - 1.7 * pattern + 0.6 * s.x)
    fine = speckle(s.x + pattern, s.y)
    shade = 1 + s.dial("blotches") * (0.07 * blotch + 0.05 * fine) - 0.22 * tired
    for k, (blush, ring) in enumerate(((0.08, 0.0), (-0.17, -0.03), (-0.15, 0.05))):
        colour[k] *= shade * (1 + blush * blood + ring * tired)


def marks(colour: Tensor, s: Samples) -> None:
    """Freckles, age spots and moles, each person's at their own places."""
    pattern = 20 * s.dial("skin_pattern")
    cheeks = bump(s.x.abs(), s.y, 2.6, -2.0, 3.4, 2.4)
    spots = (speckle(2.1 * s.x + pattern, 1.9 * s.y) - 0.3).clamp(min=0) * s.dial("freckles") * cheeks
    old = (s.dial("age") - 0.55).clamp(min=0)
    spots = spots + old * (speckle(0.55 * s.x - pattern, 0.6 * s.y + pattern) - 0.45).clamp(min=0)
    moles = torch.zeros_like(spots)
    for k in range(1, 4):
        place = s.dial(f"mole_{k}")  # a share, unrolled to a place on the face; a person in three lacks each mole
        at_x, at_y = 4.6 * torch.sin(61 * place), -3.5 + 6.5 * torch.sin(97 * place + 1)
        radius = (0.10 + 0.12 * place).clamp(min=s.pixel)
        squared = ((s.x - at_x) ** 2 + (s.y - at_y) ** 2) / (radius * radius)
        moles = torch.maximum(moles, bell(squared) * (place > 0.33))
    dark = (0.75 * spots).clamp(max=0.6)
    for k, mole in enumerate((0.55, 0.68, 0.72)):
        colour[k] *= (1 - dark * (0.5 + 0.25 * k)) * (1 - mole * moles)


def wrinkles(colour: Tensor, s: Samples) -> None:
    """Folds beside the mouth, lines on the forehead and at the eyes, frown lines, bags."""
    across, age = s.x.abs(), s.dial("wrinkles")
    smile, brow = s.dial("smile").clamp(min=0), s.dial("brow_raise")
    fold_x = 2.0 + 0.36 * (-4.0 - s.y)  # from the nostril to beside the mouth
    fold = line(across - fold_x, 0.26) * ((s.y + 7.4) * (-4.0 - s.y)).clamp(0, 1)
    jowl = line(across - 2.9 - 0.25 * (-7 - s.y), 0.3) * ((s.y + 9.4) * (-7.0 - s.y)).clamp(0, 1)
    ripple = s.y + 0.03 * s.x * s.x + 0.1 * torch.sin(s.x)
    lines = line(torch.sin(3.6 * ripple), 0.4) * bump(across, s.y, 0, 4.8, 3.8, 1.8)
    frown = line(across - 0.55, 0.14) * bump(across, s.y, 0.5, 1.7, 0.5, 0.8)
    crows = line(torch.sin(5 * (s.y - 0.1) / (0.5 + (across - 4.4).clamp(min=0))), 0.5)
    crows = crows * bump(across, s.y, 5.4, 0, 0.6, 1.0)
    bag = line(s.y + 1.05 + 0.12 * (across - 3) ** 2, 0.2) * bump(across, s.y, 2.9, -1.1, 1.5, 0.6)
    depth = fold * (0.06 + 0.34 * age + 0.16 * smile) + age * (0.3 * jowl + 0.3 * frown + 0.2 * bag)
    depth = depth + lines * (0.24 * age + 0.2 * brow.clamp(min=0)) + crows * (0.26 * age + 0.1 * smile)
    for k, deep in enumerate((0.85, 1.0, 1.05)):
        colour[k] *= 1 - deep * depth.clamp(max=0.6)


def nostrils(colour: Tensor, s: Samples) -> None:
    """The two dark openings, and the shade under the tip."""
    hole = bump(s.x.abs(), s.y, 0.66, -4.52, 0.42, 0.17)
    for k, deep in enumerate((0.55, 0.68, 0.72)):
        colour[k] *= 1 - deep * hole


def beard(colour: Tensor, s: Samples, locks: Tensor) -> Tensor:
    """Shaved shadow, stubble, moustache, goatee or full beard; returns what it covers, ``(M,)``."""
    across, grain = s.x.abs(), speckle(1.7 * s.x, 1.6 * s.y)
    line_y = -4.9 - 1.5 * bump(across, s.y * 0, 2.6, 0, 1.7, 1) + 2.5 * (across - 4.9).clamp(min=0)
    line_y = line_y - 1.2 * s.dial("beard_line")
    jaw = smooth_step(line_y - s.y + 0.3 * grain, 1.1) * smooth_step(s.y + 12.6, 1.5) * smooth_step(s.z + 0.4, 1.0)
    off_mouth = (1 - bump(across, s.y, 0, -6.6, 2.9, 1.15)).clamp(min=0)
    lip = (bump(across, s.y, 1.1, -5.6, 2.0, 0.6) * 1.4).clamp(max=1) * smooth_step(-4.85 - s.y + 0.15 * across, 0.3)
    chin = bump(across, s.y, 0, -9.3, 2.2, 2.6) * (1 - bump(across, s.y, 0, -6.6, 2.6, 1.2))
    amount = s.dial("beard")
    full = smooth_step(amount - 0.62, 0.35) * jaw * off_mouth
    goatee = smooth_step(s.dial("goatee") - 0.6, 0.2) * chin
    hair = torch.maximum(torch.maximum(full, goatee), smooth_step(s.dial("moustache") - 0.6, 0.3) * lip)
    shadow = torch.maximum(jaw * off_mouth, 0.8 * lip) * (0.42 * (amount * 1.7).clamp(max=1))
    share = torch.maximum(hair * (0.88 + 0.12 * grain), shadow).clamp(0, 0.96)
    cover(colour, locks * (0.62 + 0.14 * grain), share)
    return share


def scalp(colour: Tensor, s: Samples, locks: Tensor) -> Tensor:
    """The skin above the hair line, tinted by the hair that grows there; returns what it covers, ``(M,)``."""
    grain = speckle(s.x, s.y)
    grows = smooth_step(s.above - 0.1 + 0.25 * grain, 0.7) * smooth_step(0.52 - s.dial("baldness"), 0.05)
    share = 0.9 * grows * torch.maximum(smooth_step(s.y - 0.5, 1.5), smooth_step(-3 - s.z, 2.0))  # not the cheeks
    cover(colour, 0.7 * locks, share)
    return share
