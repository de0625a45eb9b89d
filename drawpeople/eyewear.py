"""Glasses and sunglasses: two rims, a bridge on the nose, temples to the ears, and dark lenses in sunglasses."""

import functools

import torch
from torch import Tensor

from drawpeople.head import GLASSES, LENS
from drawpeople.pieces import Piece, Wearers, along, point, tube
from drawpeople.samples import Samples, cover, line, palette, smooth_step

_RIM, _AROUND = 24, 5  # points along a rim and around its wire
PIECES = (
    Piece(GLASSES, _RIM + 1, _AROUND),
    Piece(GLASSES, _RIM + 1, _AROUND),
    Piece(GLASSES, 5, _AROUND),
    Piece(GLASSES, 6, _AROUND),
    Piece(GLASSES, 6, _AROUND),
    Piece(LENS, 3, _RIM + 1),
    Piece(LENS, 3, _RIM + 1),
)

#: Outlines from the first to the last value of the dial: half width and height, squareness, lift of the outer upper
#: corner, and how far the lower half leans away from the nose; centimetres.
_OUTLINES = (
    (2.25, 2.15, 2.0, 0.0, 0.0),  # round
    (2.5, 1.75, 2.8, 0.1, 0.0),
    (2.65, 1.6, 4.5, 0.1, 0.05),  # rectangular
    (2.75, 2.1, 2.6, 0.15, 0.35),  # aviator
    (2.7, 1.8, 2.7, 0.55, 0.1),  # cat-eye
)
_SUN = 1.1  # sunglasses are so much larger
# sRGB: black, dark brown, amber, wine, navy, grey, gold, silver
_FRAMES = (
    (14, 13, 13),
    (48, 30, 20),
    (118, 72, 36),
    (84, 22, 30),
    (28, 38, 70),
    (96, 96, 98),
    (168, 132, 74),
    (176, 176, 178),
)
_METAL = 0.78  # frames from this colour on
_LENSES = ((10, 11, 12), (34, 24, 17), (22, 30, 24), (24, 28, 42))


@functools.cache
def _outlines() -> Tensor:
    """``(5, _RIM + 1, 2)``: points from the outer end over the top, x away from the nose."""
    angle = torch.linspace(0, 2 * torch.pi, _RIM + 1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    result = []
    for wide, high, square, lift, lean in _OUTLINES:
        reach = (cos.abs() ** square + sin.abs() ** square) ** (-1 / square)
        x, y = reach * cos, reach * sin
        corner = ((x + 0.2).clamp(min=0) * (y + 0.4).clamp(min=0)) ** 2
        result.append(torch.stack((wide * x - lean * y * (1 - 0.4 * x), high * y + lift * corner), dim=1))
    return torch.stack(result)


def wears(dials: dict[str, Tensor]) -> Tensor:
    """Who has glasses or sunglasses on, bool ``(N,)``."""
    return ((dials["glasses"] > 0.5) & (dials["glasses_off"] < 0.5)) | (dials["sunglasses"] > 0.5)


def _outline(dials: dict[str, Tensor]) -> Tensor:
    """Each wearer's, between its two neighbours among ``_OUTLINES``: ``(N, _RIM + 1, 2)``."""
    table = _outlines().to(dials["glasses_shape"].device)
    at = dials["glasses_shape"] * (len(table) - 1)
    k = at.floor().clamp(max=len(table) - 2).long()
    share = (at - k)[:, None, None]
    size = 1 + 0.09 * dials["glasses_size"] + (_SUN - 1) * dials["sunglasses"]
    return (table[k] + (table[k + 1] - table[k]) * share) * size[:, None, None]


def _front(w: Wearers) -> tuple[Tensor, Tensor, Tensor]:
    """How far a lens's centre is from the middle, its height, and the z of the frame at the nose: ``(N, 1)`` each.

    The frame rests on the bridge of the nose and keeps off brows, eyes and cheeks.
    """
    x = torch.tensor([0.0, 0.0, -2.4, 2.4, -3.6, 3.6, -3.1, 3.1, -3.4, 3.4], device=w.body.device)
    y = torch.tensor([0.3, -0.1, 1.75, 1.75, 1.7, 1.7, 0.0, 0.0, -1.7, -1.7], device=w.body.device)
    off = torch.tensor([0.15, 0.05, 0.2, 0.2, 0.2, 0.2, 0.75, 0.75, 0.25, 0.25], device=w.body.device)
    marks = w.on_face(x[None], y[None])
    apart, high = (marks[:, 7, 0] - marks[:, 6, 0]) / 2, (marks[:, 6, 1] + marks[:, 7, 1]) / 2
    high = (high - 0.05)[:, None]
    needed = marks[..., 2] + off - _depth(marks[..., 0], marks[..., 1] - high)
    return 0.35 * apart[:, None] + 2.2, high, needed.amax(1, keepdim=True)


def _depth(x: Tensor, y: Tensor) -> Tensor:
    """How the frame's z differs from that at the nose: bent around the face, its lower edge nearer to the cheeks."""
    return 0.1 * y - 0.02 * x * x


def build(w: Wearers) -> tuple[tuple[Tensor, Tensor], ...]:
    """The points of all ``PIECES``, which are their own place."""
    outline, (apart, high, front) = _outline(w.dials), _front(w)
    x, y = apart + outline[..., 0], outline[..., 1]
    z = front + _depth(x, y)
    rims = [point(side * x, high + y, z) for side in (-1, 1)]
    metal = w.dial("glasses_colour") > _METAL
    thick = 0.07 + (0.16 - 0.1 * metal) * w.dial("glasses_thick") ** 2
    lower = smooth_step(-y - 0.2, 0.6) * w.dial("half_rim") * (1 - w.dial("sunglasses"))
    wires = [_rim(path, thick * (1 - 0.97 * lower)) for path in rims]
    bridge = _bridge(outline, apart, high, front, thick)
    temples = [_temple(w, path, thick, side) for path, side in zip(rims, (-1, 1))]
    lenses = [_lens(path, side, w.dial("sunglasses", 3)) for path, side in zip(rims, (-1, 1))]
    return tuple((points, points) for points in (*wires, bridge, *temples, *lenses))


def _rim(path: Tensor, thick: Tensor) -> Tensor:
    ahead = path.roll(-1, 1) - path.roll(1, 1)
    ends = path[:, 1:2] - path[:, -2:-1]  # the first point is also the last
    ahead = torch.cat((ends, ahead[:, 1:-1], ends), dim=1)
    forward = torch.zeros_like(path)
    forward[..., 2] = 0.6 * thick + 0.06 * (thick > 0.04)
    return tube(path, ahead, forward, thick, _AROUND)


def _bridge(outline: Tensor, apart: Tensor, high: Tensor, front: Tensor, thick: Tensor) -> Tensor:
    """An arch from rim to rim over the nose."""
    inner = apart - outline[..., 0].amax(1, keepdim=True) * 0.93
    share = torch.linspace(-1, 1, 5, device=apart.device)
    y = high + 0.55 + 0.22 * (1 - share * share)
    path = point(inner * share, y, front + 0.05 + 0 * share)
    up = torch.zeros_like(path)
    up[..., 1] = 0.05 + 0.7 * thick
    return tube(path, along(path), up, 0.04 + 0.6 * thick.expand(-1, 5), _AROUND)


def _temple(w: Wearers, rim: Tensor, thick: Tensor, side: int) -> Tensor:
    """From the outer end of a rim straight to the ear, over it and down behind."""
    hinge = rim[:, 2]
    x = torch.tensor([7.55, 7.6, 7.55, 7.35], device=rim.device) * side
    y = torch.tensor([1.0, 1.05, 0.75, -0.6], device=rim.device)
    z = torch.tensor([4.0, -0.6, -2.4, -3.2], device=rim.device)
    skull = w.on_skull(point(x, y, z).expand(len(rim), -1, -1))
    side_of_head = 0.35 * hinge + 0.65 * skull[:, 0]
    side_of_head = torch.cat((skull[:, :1, 0], side_of_head[:, 1:2], skull[:, :1, 2]), dim=1)
    corner = hinge + torch.tensor([0.3 * side, 0.0, -0.35], device=rim.device)
    path = torch.cat((hinge[:, None], corner[:, None], side_of_head[:, None], skull[:, 1:]), dim=1)
    high = torch.zeros_like(path)
    high[..., 1] = 0.09 + 0.75 * thick
    high[:, -1] = high[:, -1] + torch.tensor([0.0, 0.0, 0.05], device=rim.device)
    return tube(path, along(path), high, 0.09 + 0.3 * thick.expand(-1, path.shape[1]), _AROUND)


def _lens(rim: Tensor, side: int, present: Tensor) -> Tensor:
    """From the middle of a rim to its wire, a little domed; a point where the lens is clear."""
    middle = (rim[:, : _RIM // 2].mean(1) + rim[:, _RIM // 2 : _RIM].mean(1)) / 2
    share = torch.tensor([0.004, 0.6, 1.0], device=rim.device).view(3, 1, 1)  # from 0 on it would have no normal there
    lens = middle[:, None, None] + (rim[:, None] - middle[:, None, None]) * share
    dome = torch.tensor([0.0, 0.0, 0.25], device=rim.device) * (1 - share * share)
    return (lens + dome if side > 0 else (lens + dome).flip(2)) * present


def paint(s: Samples) -> tuple[Tensor, Tensor]:
    """Frame or dark lens: colour ``(3, M)`` and gloss ``(M,)``."""
    sun = s.dials["sunglasses"] > 0.5
    frame = palette(_FRAMES, torch.where(sun, 0.3 * s.dials["glasses_colour"], s.dials["glasses_colour"]))
    colour = s.spread(frame)
    lens = s.spread(palette(_LENSES, (3.7 * s.dials["glasses_colour"]) % 1))
    cover(colour, lens + _mirrored(s), (s.part == LENS).float())
    metal = (s.dial("glasses_colour") > _METAL).float()
    return colour, torch.where(s.part == LENS, 1.0, 0.6 + 0.4 * metal)


def _mirrored(s: Samples) -> Tensor:
    """What a dark lens reflects: a bright sky over a dark ground, ``(3, M)``."""
    _, ny, nz = s.normal
    up = smooth_step(2 * nz * ny - 0.25 + 0.12 * s.y, 0.8)  # the height of the direction that the viewer sees mirrored
    edge = (1 - nz).clamp(0, 1)
    strength = up * (0.1 + 0.5 * edge * edge)
    return torch.stack((0.85 * strength, 0.95 * strength, 1.1 * strength))


def light_on_face(s: Samples) -> tuple[Tensor, Tensor]:
    """The share of light that arrives behind glasses, and the light that clear lenses mirror: ``(M,)`` each."""
    high = 1.75 + 0.15 * s.dial("glasses_size")
    x, y = (s.x.abs() - 3.3) * (1 / 2.55), s.y / high
    ring = (x * x + y * y).sqrt()
    shadow = line((x * x + (y + 0.18) ** 2).sqrt() - 1.0, 0.16) * (0.12 + 0.2 * s.dial("glasses_thick"))
    slide = 0.006 * s.dial("yaw") - 0.004 * s.dial("light_azimuth")  # a window beside the camera
    band = (0.8 * x * s.x.sign() + 0.7 * y - 0.55 - slide).abs()
    glare = smooth_step(0.2 - band, 0.16) * smooth_step(0.88 - ring, 0.15) * s.dial("lens_glare")
    return 1 - shadow, 0.3 * glare * (1 - s.dial("sunglasses"))
