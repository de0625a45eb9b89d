"""Brows, eyes and mouth, painted on the face; make-up with them. See ``skin.py`` for how paint works."""

from collections.abc import Callable

import torch
from torch import Tensor

from drawpeople.samples import Samples, bell, bump, cover, line, palette, smooth_step
from drawpeople.skin import skin_colour, speckle

# sRGB, from the first to the last value of the dial
_EYES = ((56, 35, 24), (82, 53, 32), (104, 80, 44), (92, 108, 80), (84, 118, 148), (124, 140, 150))
_LIPSTICK = ((122, 30, 36), (170, 38, 50), (186, 78, 84), (196, 96, 112), (120, 40, 70))

Lookup = Callable[[str], Tensor]  # gives the parameter of a name

EYE_X, EYE_HALF = 3.1, 1.46  # where the middle of an eye lies, and half its width
IRIS = 0.59  # radius; it differs little between people (Rüfer et al. 2005, "White-to-white corneal diameter")
MOUTH_Y, MOUTH_HALF = -6.5, 2.6
_TEETH = (0.0, 0.84, 1.48, 2.12)  # where two upper teeth meet: incisors, canine


def brow_span(dial: Lookup) -> tuple[Tensor, Tensor]:
    """How far a brow's middle lies outside the eye's, and half its length; centimetres."""
    return 0.12 + 0.25 * dial("brow_apart"), 2.05 + 0.3 * dial("brow_length")


def brow_middle(across: Tensor, dial: Lookup) -> tuple[Tensor, Tensor]:
    """Height of the brow's middle line at a distance from the face's middle, and the place along it, -1 to 1.

    Args:
        across: centimetres.
        dial: gives the parameter of a name, as :meth:`Samples.dial`.
    """
    off, half = brow_span(dial)
    along = (across - EYE_X - off) / half
    arch = 0.32 + 0.3 * dial("brow_arch")
    peak = 0.15 + 0.2 * dial("brow_peak")
    height = 1.9 + 0.4 * dial("brow_height") + (0.02 + 0.22 * dial("brow_tilt")) * along
    return height + arch * (0.4 - (along - peak) ** 2), along


def brows(colour: Tensor, s: Samples, locks: Tensor) -> Tensor:
    """A tapering arch above each eye, of slanting hairs; returns what it covers, ``(M,)``."""
    across = s.x.abs()
    middle, along = brow_middle(across, s.dial)
    half = (0.44 + 0.26 * s.dial("brow_thickness")) * (1 - 0.3 * (along + 1)).clamp(min=0.08)
    inside = smooth_step(half - (s.y - middle).abs(), 0.24 + s.pixel) * smooth_step(1 - along.abs(), 0.3 + s.pixel)
    hairs = 0.88 + 0.12 * torch.sin(13 * across - 8 * s.y) + 0.12 * speckle(1.5 * s.x, s.y)
    share = (inside * hairs * (0.62 + 0.36 * s.dial("brow_density"))).clamp(0, 0.97)
    cover(colour, locks * (0.5 - 0.12 * s.dial("make_up")), share)
    return inside  # faint brows are brows


def lids(u: Tensor, dial: Lookup) -> tuple[Tensor, Tensor]:
    """Heights of the upper and lower lid's edge along an eye: 1.0 cm apart on average (Farkas 1994: 1.08).

    A relaxed upper lid covers the uppermost 1 to 2 mm of the iris, the lower one touches its edge.

    Args:
        u: -1 at the corner beside the nose, 1 at the outer corner.
        dial: gives the parameter of a name, as :meth:`Samples.dial`.
    """
    almond = (1 - u * u).clamp(min=0)
    open_ = 1 - dial("eye_shut")
    wide = open_ * (1 + 0.18 * dial("eye_openness")) * (1 + 0.1 * dial("brow_raise"))
    shape = almond.sqrt() + (almond - almond.sqrt()) * (0.6 - 0.55 * dial("eye_roundness"))
    droop = dial("eye_droop")
    top = 0.51 * wide * shape * (1 - (0.10 + 0.12 * droop) * u)
    top = top - 0.16 * dial("epicanthus") * bump(u, u, -0.85, -0.85, 0.5, 0.5)  # the fold covers the inner corner
    bottom = -0.64 * wide * almond * (1 + 0.15 * u) * (1 - 0.25 * dial("smile").clamp(min=0))
    lean = 0.07 * u - 0.3 * (1 - open_) * almond
    return torch.maximum(top, bottom) + lean, bottom + lean


def _beside_skin(s: Samples, half: float) -> Tensor:
    """How much darker than on the fairest skin eyes, teeth and lipstick are: ``(3, M)``, neutral grey to brown.

    The camera is set for the skin (see sensor.py), and would make them glare beside dark skin. In photos the white of
    the eye is darker than the cheek beside nearly every face, see tests/drawpeople/test_faces.py.
    """
    red, green, blue = skin_colour(s.dials).unbind(1)
    luminance = 0.30 * red + 0.59 * green + 0.11 * blue
    share = luminance / (luminance + half)
    brown = (0.5 - luminance).clamp(min=0)
    return s.spread(torch.stack((share, share * (1 - 0.16 * brown), share * (1 - 0.25 * brown)), dim=1))


def eyes(colour: Tensor, gloss: Tensor, s: Samples) -> Tensor:
    """Eyeball between its lids, lashes, the fold of the upper lid, eye shadow; returns what the ball covers."""
    across = s.x.abs()
    u = (across - EYE_X) * (1 / EYE_HALF)
    almond = (1 - u * u).clamp(min=0)
    root = almond.sqrt()
    top, bottom = lids(u, s.dial)
    soft = 0.05 + 0.6 * s.pixel
    ball = smooth_step(top - s.y, soft) * smooth_step(s.y - bottom, soft) * (almond > 0)
    make_up = s.dial("make_up")
    _lid(colour, s, across, top, root, make_up)
    shadow = (0.5 + 0.5 * smooth_step(top - s.y - 0.14, 0.36)) * (0.65 + 0.35 * almond)  # of lid and lashes
    beside = _beside_skin(s, 0.28)
    white = beside * (shadow * torch.tensor([[0.58], [0.53], [0.49]], device=shadow.device))
    pink = bump(u, s.y, -0.95, -0.05, 0.16, 0.3)  # the inner corner
    white[1] *= 1 - 0.45 * pink
    white[2] *= 1 - 0.4 * pink
    _iris(white, s, beside * (0.3 + 0.7 * shadow))
    cover(colour, white, ball)
    gloss *= 1 - 0.7 * ball  # what mirrors the lamp is painted on the iris
    lash = line(s.y - top - 0.03, 0.09 + 0.08 * s.dial("lashes") + 0.1 * make_up + 0.4 * s.pixel)
    wing = line(s.y - top - 0.06, 0.10 + 0.4 * s.pixel) * smooth_step(u - 0.6, 0.4) * smooth_step(1.12 - u, 0.12)
    lower = line(s.y - bottom + 0.03, 0.06 + 0.3 * s.pixel) * root * (0.4 + 0.4 * make_up)
    lash = (0.55 + 0.3 * s.dial("lashes") + 0.2 * make_up) * lash * root.sqrt()
    dark = torch.maximum(torch.maximum(lash, 0.8 * wing * make_up * make_up), lower)
    for k in range(3):
        colour[k] *= 1 - dark.clamp(0, 0.9)
    return ball


def _lid(colour: Tensor, s: Samples, across: Tensor, top: Tensor, root: Tensor, make_up: Tensor) -> None:
    """The crease above the eye, the lid below it, which catches light, and its colour."""
    fold = s.dial("eyelid_fold")
    above = s.y - top + 0.1 * s.dial("brow_raise")
    crease = line(above - 0.2 - 0.2 * fold, 0.1 + 0.3 * s.pixel) * root
    under = line(above + 0.08 * fold - 0.16, 0.12 + 0.3 * s.pixel) * root
    socket = bump(across, s.y, 2.9, 0.7, 1.9, 0.85)  # shade between brow and lid, deepest beside the nose
    on_lid = bump(across, s.y, 3.1, 0.65, 1.7, 0.6) * make_up
    deep = 0.26 - 0.14 * s.dial("eye_depth")  # how dark the socket is
    shade = (0.05 + 0.5 * fold) * (1 - 0.75 * s.dial("epicanthus")) * crease + deep * socket + 0.4 * on_lid
    shade = shade - 0.08 * fold * under
    tint = s.dial("make_up_hue") - 0.5
    for k, warm in enumerate((0.9 - 0.3 * tint, 1.05 + 0.0 * tint, 1.0 + 0.3 * tint)):
        colour[k] *= 1 - (shade * warm).clamp(-0.2, 0.8)


def _iris(white: Tensor, s: Samples, lit: Tensor) -> None:
    """Iris with its dark ring, pupil, and the lamp's reflection; ``lit`` ``(3, M)`` is how much light it shows."""
    size = s.dial("eye_size")  # the surface is stretched by so much (directions.py); irises hardly differ
    side = torch.where(s.x > 0, 1.0, -1.0)
    dx = (s.x - EYE_X * side - 0.4 * s.dial("gaze_x")) * (1 + 0.16 * size)
    dy = (s.y - 0.2 * s.dial("gaze_y")) * (1 + 0.14 * size)
    distance = (dx * dx + dy * dy).sqrt()
    soft = 0.08 + 0.7 * s.pixel
    iris = smooth_step(IRIS - distance, soft)
    light = (0.6 + 0.9 * smooth_step(0.42 - distance, 0.3)) * (0.9 - 0.5 * dy)
    cover(white, s.spread(palette(_EYES, s.dials["eye_colour"])) * lit * light, iris)
    pupil = smooth_step(0.21 - distance, soft) * iris
    azimuth = s.dial("light_azimuth") * (torch.pi / 180)
    spark_x, spark_y = dx - 0.18 * torch.sin(azimuth), dy - 0.16
    spark = bell((spark_x * spark_x + spark_y * spark_y) * (1 / 0.12**2)) * iris
    spark = spark * (0.4 + 0.3 * s.dial("light_hardness"))
    for k in range(3):
        white[k] *= 1 - 0.92 * pupil
        white[k] += spark * lit[k] * (1.0 - white[k]).clamp(min=0)


def lip_edges(u: Tensor, dial: Lookup) -> tuple[Tensor, Tensor]:
    """How far the red of the lips reaches above and below the line between them, at ``u`` = distance / half width."""
    outline = (1 - u * u).clamp(min=0)
    root = outline.sqrt()
    bow = 1 - 0.26 * dial("lip_bow") * line(u, 0.2) + 0.08 * line(u - 0.28, 0.26)
    upper = (0.86 + 0.24 * dial("lip_upper")) * (outline * root).sqrt() * bow
    lower = (1.0 + 0.3 * dial("lip_lower")) * (0.6 * outline + 0.4 * root)
    return upper, lower


def slit(u: Tensor, dial: Lookup) -> Tensor:
    """Half the height of the slit between the lips, as painted: the surface's own opening stretches it."""
    return (0.045 + 0.10 * (4 * dial("mouth_open")).clamp(max=1)) * ((1 - u * u).clamp(min=0) * 2).clamp(max=1)


def mouth(colour: Tensor, gloss: Tensor, s: Samples) -> Tensor:
    """Lips, the slit between them, and behind it, when open, teeth and dark; returns what they cover, ``(M,)``."""
    across = s.x.abs()
    u = across * (1 / MOUTH_HALF)
    outline = (1 - u * u).clamp(min=0)
    upper, lower = lip_edges(u, s.dial)
    rise = s.y - MOUTH_Y
    soft = 0.2 + s.pixel
    lips = smooth_step(upper - rise, soft) * smooth_step(rise + lower, soft) * (outline > 0)
    red = _lip_colour(colour, s) * (1 - 0.14 * (rise > 0))
    cover(colour, red, lips * (0.78 + 0.17 * outline))
    gloss += (0.1 + 0.12 * s.dial("lipstick")) * lips
    open_ = s.dial("mouth_open")
    far = (4 * open_).clamp(max=1)
    inside = smooth_step(slit(u, s.dial) - rise.abs(), 0.06 + 0.4 * s.pixel * (1 - open_)) * (u < 1.02)
    cover(colour, (0.3 - 0.26 * far) * red, inside * (0.75 + 0.25 * far))
    _teeth(colour, s, u, (0.14 - rise) * (1.5 * open_ + 0.28) / 0.28, inside * smooth_step(open_ - 0.08, 0.1))
    corner = bump(u, rise, 1.0, 0.0, 0.1, 0.22)
    for k in range(3):
        colour[k] *= 1 - 0.25 * corner
    gloss *= 1 - inside
    return torch.maximum(lips, inside)


def _teeth(colour: Tensor, s: Samples, u: Tensor, below_lip: Tensor, inside: Tensor) -> None:
    """The upper teeth, each with its rounded edge, in the shade of the lip and darker towards the corners.

    Args:
        below_lip: centimetres under the upper lip, ``(M,)``.
        inside: where the mouth is open.
    """
    across = s.x.abs()
    gap = torch.ones_like(across)
    for at in _TEETH:
        gap = gap * (1 - line(across - at, 0.07 + 0.5 * s.pixel))
    edge = 0.62 + 0.14 * gap - 0.1 * u * u
    teeth = smooth_step(edge - below_lip, 0.12 + 0.5 * s.pixel) * smooth_step(2.1 - across, 0.5) * inside
    light = (0.82 + 0.18 * gap) * (1 - 0.6 * u * u) * (0.6 + 0.4 * smooth_step(below_lip - 0.2, 0.4))
    ivory = _beside_skin(s, 0.12) * (light * torch.tensor([[0.74], [0.68], [0.58]], device=light.device))
    cover(colour, ivory, teeth * 0.95)


def _lip_colour(colour: Tensor, s: Samples) -> Tensor:
    """The skin's colour, redder; or lipstick."""
    pale = 0.6 * (1 - s.dial("lip_red"))
    natural = torch.stack([colour[k] * (t + (1 - t) * pale) for k, t in enumerate((0.84, 0.46, 0.48))])
    stick = s.spread(palette(_LIPSTICK, s.dials["make_up_hue"])) * _beside_skin(s, 0.12)
    return natural + 0.75 * s.dial("lipstick") * (stick - natural)
