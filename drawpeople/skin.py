"""Skin: complexion, marks, wrinkles, beard, and the scalp under the hair.

Every mark is a function of the place on the average head (``Samples.x, y, z``, centimetres), so it moves with the
surface and is crisp at any size. Colours are linear light ``(3, M)``; layers are painted from the skin outwards.
"""

import torch
from torch import Tensor

from drawpeople.samples import Samples, bell, bump, cover, line, palette, slope, smooth_step

_METERED_FOR = 0.5  # luminance of a face that needs no gain
_FOLLOWS = 0.5  # the share of a face's difference from that, in stops, that the camera makes up for
# sRGB, from the first to the last value of the dial. As light as the Monk Skin Tone Scale's ninth to fifth step (L* 20
# to 80; Monk 2019), which paints no blood under the skin; as red and as colourful as cheeks are in photos.
_SKIN = ((66, 44, 37), (98, 66, 53), (134, 93, 75), (170, 123, 100), (200, 150, 125), (220, 172, 148), (234, 191, 170))


def skin_colour(person: dict[str, Tensor]) -> Tensor:
    """Linear ``(N, 3)``."""
    red, yellow = person["skin_red"][:, None], person["skin_yellow"][:, None]
    tint = torch.tensor([0.05, -0.04, -0.03], device=red.device) * (red + 0.4)
    tint = tint + torch.tensor([0.0, 0.02, -0.07], device=red.device) * yellow
    return (palette(_SKIN, person["skin_tone"]) * (1 + tint)).clamp(0, 1)


def metered(skin: Tensor) -> Tensor:
    """The gain ``(N,)`` that a camera sets for a face of this colour, linear ``(N, 3)``.

    It brings dark and light faces nearer to one brightness, but not all the way: dark skin stays darker.
    """
    luminance = 0.30 * skin[:, 0] + 0.59 * skin[:, 1] + 0.11 * skin[:, 2]
    return (_METERED_FOR / luminance.clamp(min=0.01)) ** _FOLLOWS


def speckle(x: Tensor, y: Tensor) -> Tensor:
    """A cheap, even noise in about [-1, 1] that stays put on the surface."""
    return torch.sin(9.1 * x + 3.0 * torch.sin(5.3 * y)) * torch.sin(8.3 * y + 3.0 * torch.sin(4.7 * x + 1.7))


def complexion(colour: Tensor, s: Samples) -> None:
    """Blood under cheeks, nose and ears; blotches of each person's own; tired eyes."""
    across, pattern = s.x.abs(), 20 * s.dial("skin_pattern")
    blood = bump(across, s.y, 4.3, -3.2, 2.2, 1.9) + bump(across, s.y, 0, -4.0, 1.3, 1.0)
    blood = blood * (0.2 + 0.6 * s.dial("ruddy")) + 0.4 * bump(across, s.y, 0, -9.8, 1.8, 1.2)
    tired = (0.15 + 0.85 * s.dial("eye_rings")) * bump(across, s.y, 2.7, -1.05, 1.4, 0.55)
    blotch = torch.sin(1.1 * s.x + pattern) * torch.sin(1.3 * s.y - 1.7 * pattern + 0.6 * s.x)
    blood = blood + 0.3 * blotch * torch.sin(2.3 * s.x - pattern)
    shade = 1 + (0.015 + 0.05 * s.dial("blotches")) * blotch - 0.2 * tired
    for k, (blush, ring) in enumerate(((0.08, 0.0), (-0.17, -0.03), (-0.15, 0.05))):
        colour[k] *= shade * (1 + blush * blood + ring * tired)


def ears(colour: Tensor, s: Samples) -> None:
    """Blood, and the shade behind the rim and in the hollow."""
    out = (((s.y + 1.4) * (1 / 2.9)) ** 2 + ((s.z + 1.7) * (1 / 1.6)) ** 2).sqrt()
    shade = 1 - 0.24 * line(out - 0.66, 0.14) - 0.3 * line(out - 0.15, 0.3)
    for k, blood in enumerate((0.05, -0.14, -0.12)):
        colour[k] *= shade * (1 + blood * (0.4 + 0.6 * s.dial("ruddy")))


def marks(colour: Tensor, s: Samples) -> None:
    """Freckles, age spots and moles, each person's at their own places."""
    pattern = 20 * s.dial("skin_pattern")
    cheeks = bump(s.x.abs(), s.y, 2.6, -2.0, 3.4, 2.4)
    spots = (speckle(1.2 * s.x + pattern, 1.1 * s.y) - 0.3).clamp(min=0) * s.dial("freckles") * cheeks
    old = (s.dial("age") - 0.55).clamp(min=0)
    spots = spots + old * (speckle(0.45 * s.x - pattern, 0.5 * s.y + pattern) - 0.5).clamp(min=0)
    moles = torch.zeros_like(spots)
    for k in range(1, 4):
        place = s.dials[f"mole_{k}"]  # a share, unrolled to a place on the face; three people in five lack each mole
        small = 0.04 + 0.1 * place
        radius = small.clamp(min=0.9 * s.pixel)  # paler where a pixel is wider than the mole
        pale = (small / radius) ** 2 * (place > 0.6)
        rows = (4.6 * torch.sin(61 * place), -3.5 + 6.5 * torch.sin(97 * place + 1), 1 / radius, pale)
        at_x, at_y, closer, strong = s.spread(torch.stack(rows, dim=1))
        moles = torch.maximum(moles, bell(((s.x - at_x) * closer) ** 2 + ((s.y - at_y) * closer) ** 2) * strong)
    dark = (0.75 * spots).clamp(max=0.6)
    for k, mole in enumerate((0.4, 0.52, 0.56)):
        colour[k] *= (1 - dark * (0.5 + 0.25 * k)) * (1 - mole * moles)


def relief(s: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """Wrinkles and pores: how the surface rises to the viewer's right and upwards ``(M,)``, and how deep it lies."""
    across, side, age = s.x.abs(), torch.where(s.x > 0, 1.0, -1.0), s.dial("wrinkles")
    smile, raised = s.dial("smile").clamp(min=0), s.dial("brow_raise")
    cheek = across - 2.0 - 0.36 * (-4.0 - s.y)  # from the fold, which runs from the nostril to beside the mouth
    fold = (0.06 + 0.8 * age + 0.25 * smile) * ((s.y + 7.4) * (-4.0 - s.y) * 0.7).clamp(0, 1)
    jaw = across - 2.9 - 0.25 * (-7 - s.y)  # from the fold that goes on from the corner of the mouth
    jowl = 0.6 * age * ((s.y + 9.4) * (-7.0 - s.y)).clamp(0, 1)
    frown = (0.7 * age + 0.4 * (-raised).clamp(min=0)) * bump(across, s.y, 0.5, 1.7, 0.6, 0.9)
    own = 20 * s.dial("skin_pattern")
    ripple = 5.5 * s.y + 0.2 * s.x * s.x + 0.8 * torch.sin(s.x + own) + torch.sin(1.7 * s.y + own)
    broken = 0.62 + 0.38 * torch.sin(1.2 * s.x + 2.3 * s.y + own)
    lines = (0.44 * age + 0.22 * raised.clamp(min=0)) * broken * bump(across, s.y, 0, 4.8, 3.8, 2.0)
    rays = (0.7 * age + 0.15 * smile) * bump(across, s.y, 5.3, -0.1, 0.8, 1.1)
    bag = (0.04 + 0.75 * age) * bump(across, s.y, 2.9, -1.1, 1.6, 0.7)
    beside = fold * slope(cheek, 0.42)
    right = beside + jowl * slope(jaw, 0.4) + frown * slope(across - 0.55, 0.22)
    fan = (s.y - 0.1) / (0.5 + (across - 4.4).clamp(min=0))
    up = 0.36 * beside + lines * torch.sin(ripple) + bag * slope(s.y + 1.1, 0.4) + rays * torch.sin(9 * fan)
    deep = 0.5 * lines * torch.cos(ripple) + 0.6 * bag * line(s.y + 1.1, 0.35)
    deep = deep + fold * line(cheek, 0.4) + jowl * line(jaw, 0.4) + frown * line(across - 0.55, 0.2)
    across, down = 9.1 * s.x + 3.0 * torch.sin(5.3 * s.y), 8.3 * s.y + 3.0 * torch.sin(4.7 * s.x + own)  # see speckle
    wave = torch.sin(across) * (0.3 + s.dial("blotches"))
    grain = wave * torch.sin(down)
    return side * right + 0.035 * grain, up + 0.035 * wave * torch.cos(down), deep + 0.1 * grain


def nostrils(colour: Tensor, s: Samples) -> None:
    """The two dark openings, and the shade under the tip."""
    hole = bump(s.x.abs(), s.y, 0.66, -4.54, 0.46, 0.24)
    for k, deep in enumerate((0.42, 0.56, 0.6)):
        colour[k] *= 1 - deep * hole


def beard(colour: Tensor, s: Samples, locks: Tensor) -> Tensor:
    """Shaved shadow, stubble, moustache, goatee or full beard; returns what it covers, ``(M,)``."""
    across = s.x.abs()
    grain = 0.6 * speckle(1.9 * s.x + 0.5 * s.y, 1.1 * s.y) + 0.4 * speckle(1.1 * s.x, 0.9 * s.y + 3.0)
    line_y = -4.9 - 1.5 * bump(across, s.y * 0, 2.6, 0, 1.7, 1) + 2.5 * (across - 4.9).clamp(min=0)
    line_y = line_y - 1.2 * s.dial("beard_line")
    jaw = smooth_step(line_y - s.y + 0.4 * grain, 1.9) * smooth_step(s.y + 12.6, 1.5) * smooth_step(s.z + 0.4, 1.0)
    off_mouth = (1 - bump(across, s.y, 0, -6.6, 2.9, 1.15)).clamp(min=0)
    lip = (bump(across, s.y, 1.1, -5.6, 2.0, 0.6) * 1.4).clamp(max=1) * smooth_step(-4.85 - s.y + 0.15 * across, 0.3)
    chin = bump(across, s.y, 0, -9.3, 2.2, 2.6) * (1 - bump(across, s.y, 0, -6.6, 2.6, 1.2))
    amount = s.dial("beard")
    full = smooth_step(amount - 0.62, 0.35) * jaw * off_mouth
    goatee = smooth_step(s.dial("goatee") - 0.6, 0.2) * chin
    hair = torch.maximum(torch.maximum(full, goatee), smooth_step(s.dial("moustache") - 0.6, 0.3) * lip)
    shadow = torch.maximum(jaw * off_mouth, 0.8 * lip) * (0.42 * (amount * 1.7).clamp(max=1))
    share = torch.maximum(hair * (0.85 + 0.2 * grain), shadow * (0.8 + 0.45 * grain)).clamp(0, 0.94)
    cover(colour, locks * (0.66 + 0.24 * grain), share)
    return share


def scalp(colour: Tensor, s: Samples, locks: Tensor) -> Tensor:
    """The skin above the hair line, tinted by the hair that grows there; returns what it covers, ``(M,)``."""
    grain = speckle(s.x, s.y)
    grows = smooth_step(s.above - 0.1 + 0.25 * grain, 0.7) * smooth_step(0.52 - s.dial("baldness"), 0.05)
    share = 0.9 * grows * torch.maximum(smooth_step(s.y - 0.5, 1.5), smooth_step(-3 - s.z, 2.0))  # not the cheeks
    cover(colour, 0.7 * locks, share)
    return share
