"""Hats: a crown around the skull and a brim, which a headscarf uses to wrap the neck."""

import functools

import torch
from torch import Tensor

from drawpeople.background import dye
from drawpeople.directions import smooth
from drawpeople.hair_paint import hair_colour
from drawpeople.head import HAT, around, slice_at
from drawpeople.pieces import Piece, Wearers, point
from drawpeople.samples import Samples, cover, line, smooth_step
from drawpeople.skin import skin_colour

CAP, BACKWARDS, BEANIE, BRIMMED, SCARF = range(5)
KINDS = 5
_DEGREE = torch.pi / 180
_COLUMNS = 33
PIECES = (Piece(HAT, 11, _COLUMNS, two_sided=True), Piece(HAT, 4, _COLUMNS, two_sided=True, closed=False))

#: The lower edge of each kind: cm above the eyes in front, at the sides and behind, and the degrees from the front
#: between which it goes from the first to the second.
_EDGE = (
    (5.2, 3.6, 1.5, 20.0, 80.0),
    (5.6, 3.6, 2.5, 20.0, 80.0),
    (4.2, 1.3, -0.5, 15.0, 85.0),
    (5.4, 4.0, 2.8, 10.0, 90.0),
    (5.6, -12.5, -13.0, 18.0, 78.0),
)

#: Profiles from the middle of the top down to the edge: shares of the way from the edge to the top of the skull whose
#: girth they have, shares of their own height, and how far they stand off (cm).
_PROFILE = (
    (
        (1.0, 0.985, 0.94, 0.86, 0.74, 0.6, 0.45, 0.3, 0.15, 0.06, 0.0),
        (1.08, 1.07, 1.03, 0.96, 0.84, 0.7, 0.55, 0.39, 0.2, 0.08, 0.0),
        (0.0, 0.4, 0.6, 0.75, 0.85, 0.9, 0.9, 0.85, 0.75, 0.65, 0.6),
    ),
    (
        (1.0, 0.985, 0.93, 0.83, 0.69, 0.53, 0.42, 0.3, 0.27, 0.1, 0.0),
        (1.2, 1.195, 1.16, 1.07, 0.91, 0.7, 0.5, 0.35, 0.31, 0.12, 0.0),
        (0.0, 0.5, 0.8, 0.95, 1.05, 1.1, 1.0, 0.85, 1.3, 1.35, 1.2),
    ),
    (
        (1.0, 0.97, 0.86, 0.72, 0.55, 0.42, 0.28, 0.18, 0.1, 0.04, 0.0),
        (1.28, 1.3, 1.38, 1.36, 1.24, 1.0, 0.7, 0.42, 0.22, 0.08, 0.0),
        (0.0, 0.8, 1.0, 1.0, 0.9, 0.8, 0.7, 0.65, 0.6, 0.6, 0.6),
    ),
    (
        (1.0, 0.98, 0.93, 0.84, 0.72, 0.6, 0.48, 0.36, 0.23, 0.1, 0.0),
        (1.07, 1.065, 1.03, 0.92, 0.78, 0.64, 0.5, 0.37, 0.23, 0.1, 0.0),
        (0.0, 0.7, 0.8, 0.9, 0.95, 0.95, 0.9, 0.85, 0.8, 0.75, 0.6),
    ),
)
_PROFILE_OF = (0, 0, 1, 2, 3)  # by kind; a cap is the same both ways


def kind(dials: dict[str, Tensor]) -> Tensor:
    """Which of the kinds each hat is, in even shares: int64 ``(N,)``."""
    return (dials["hat_kind"] * KINDS).long().clamp(0, KINDS - 1)


def wears(dials: dict[str, Tensor]) -> Tensor:
    """Who has a hat on, bool ``(N,)``."""
    return dials["hat"] > 0.5


def hides_hair(dials: dict[str, Tensor]) -> Tensor:
    """Where no hair is seen at all, bool ``(N,)``: under a headscarf."""
    return wears(dials) & (kind(dials) == SCARF)


def _edge(kinds: Tensor, angle: Tensor) -> Tensor:
    """Height of the lower edge ``(N, A)`` at angles from the front ``(A,)``."""
    front, side, back, begin, end = torch.tensor(_EDGE, device=angle.device)[kinds].T[:, :, None]
    turned = angle.abs() / _DEGREE
    to_side = ((turned - begin) / (end - begin)).clamp(0, 1)
    to_side = to_side * to_side * (3 - 2 * to_side)
    return front + (side - front) * to_side + (back - side) * smooth(90, 170, turned)


def build(w: Wearers) -> tuple[tuple[Tensor, Tensor], ...]:
    """Points of both ``PIECES``, and for paint: angle around the head, share of the way from the top to the
    edge (on the brim from 2 to 3), and height.
    """
    kinds, angle = kind(w.dials), _angles(w.body.device)
    crown, brim = (w.on_skull(shape.index_select(0, kinds)) for shape in _shapes(w.body.device))
    brim = torch.where((kinds == SCARF)[:, None, None, None], _wrap(w, angle), brim)
    return (crown, _place(crown, angle, 0.0)), (brim, _place(brim, angle, 2.0))


def _angles(device: torch.device) -> Tensor:
    return torch.linspace(-torch.pi, torch.pi, _COLUMNS, device=device)


@functools.cache
def _shapes(device: torch.device) -> tuple[Tensor, Tensor]:
    """Crown and brim of each kind on the average head: ``(KINDS, rows, _COLUMNS, 3)`` each."""
    kinds, angle = torch.arange(KINDS), _angles(torch.device("cpu"))
    return _crown(kinds, angle).to(device), _brim(kinds, angle).to(device)


def _place(points: Tensor, angle: Tensor, start: float) -> Tensor:
    share = start + torch.linspace(0, 1, points.shape[1], device=points.device)[:, None]
    return point(angle, share, points[..., 1])


def _crown(kinds: Tensor, angle: Tensor) -> Tensor:
    profile = torch.tensor(_PROFILE, device=angle.device)[torch.tensor(_PROFILE_OF, device=angle.device)[kinds]]
    girth, height, off = profile.transpose(0, 1)[..., None]  # (N, rows, 1) each
    edge = _edge(kinds, angle)[:, None]
    width, middle, depth = slice_at((edge + (12 - edge) * girth).clamp(min=-7.5))
    x, z = around(width + off, middle, depth + off, angle, 2.2)
    y = edge + (12 - edge) * height
    return point(x, y - _dent(kinds, x, y), z)


def _dent(kinds: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The crease along the top of a brimmed hat."""
    crease = 1.6 * torch.exp(-((x / 2.2) ** 2)) * smooth(12, 14, y)
    return crease * (kinds == BRIMMED)[:, None, None]


def _brim(kinds: Tensor, angle: Tensor) -> Tensor:
    """A visor in front or behind, a brim all around, or nothing: ``(N, 4, _COLUMNS, 3)``."""
    share = angle / torch.pi  # -1 to 1 along the brim
    visor = ((kinds == CAP) | (kinds == BACKWARDS))[:, None]
    at = torch.where(visor, 62 * _DEGREE * share, angle) + torch.pi * (kinds == BACKWARDS)[:, None]
    at = torch.where(at > torch.pi, at - 2 * torch.pi, at)
    edge = _edge(kinds, at)
    width, middle, depth = slice_at(edge)
    x, z = around(width + 0.6, middle, depth + 0.6, at, 2.2)
    out = torch.linspace(0, 1, 4, device=angle.device)[:, None]
    straight = torch.where(kinds == BACKWARDS, -1.0, 1.0)[:, None, None]
    length = torch.where(visor, 6.6 * (1 - share.abs() ** 2.5).sqrt(), torch.tensor(5.6))[:, None]
    sideways = torch.where(visor, 0.12 * torch.sin(at), torch.sin(at))[:, None]
    ahead = torch.where(visor[:, None], straight, torch.cos(at)[:, None])
    bent = (1.5 + 1.3 * share * share) * length[:, 0] / 6.6
    droop = torch.where(visor, bent, 0.7 - 1.2 * torch.sin(at) ** 2)[:, None]
    reach = out * length * (kinds != BEANIE)[:, None, None]
    y = edge[:, None] + 0.05 - droop * out * out.sqrt() * (reach > 0)
    return point(x[:, None] + sideways * reach, y, z[:, None] + ahead * reach)


def _wrap(w: Wearers, angle: Tensor) -> Tensor:
    """A scarf's cloth under the chin and around the neck: ``(N, 4, _COLUMNS, 3)``."""
    front = (0.5 + 0.5 * torch.cos(angle)) ** 2
    width, ahead, behind, y = torch.tensor(
        [[5.0, 6.3, 7.7, 10.5], [5.0, 6.6, 7.0, 7.6], [-7.8, -8.8, -9.4, -10.5], [-9.6, -11.4, -13.8, -17.0]],
        device=angle.device,
    )[:, :, None]
    x, z = around(width, (ahead + behind) / 2, (ahead - behind) / 2, angle, 2.0)
    chin = w.on_face(torch.zeros(1, 1, device=angle.device), torch.full((1, 1), -11.3, device=angle.device))[..., 1:2]
    return point(x, y + front * (chin + 10.4).clamp(max=0), z)


def paint(s: Samples) -> tuple[Tensor, Tensor]:
    """Cloth, felt or wool: colour ``(3, M)`` and gloss ``(M,)``."""
    d = s.dials
    cloth = s.spread(dye(d["hat_hue"], 0.5 * d["hat_colour"], 0.08 + 0.62 * d["hat_light"]))
    other = dye(d["hat_hue"] + 0.45, 0.4 * d["hat_colour"], 0.72 - 0.6 * d["hat_light"])
    kinds = kind(d).index_select(0, s.image)
    angle, share = s.x, s.y
    cap = (kinds == CAP) | (kinds == BACKWARDS)
    ribs = (kinds == BEANIE) * 0.3 * (0.5 - 0.5 * torch.cos(60 * angle))
    seams = cap * (share < 1) * 0.45 * line(torch.sin(3 * angle), 0.05)
    folds = (kinds == SCARF) * 0.12 * torch.sin(9 * share + 2.5 * torch.cos(2 * angle) + 1.5 * angle)
    edge = 0.25 * line(share - 1, 0.05) * (kinds != SCARF)
    cloth = cloth * (1 - ribs - seams - folds - edge)
    cover(cloth, s.spread(other), _trim(s, kinds, cap) * s.dial("hat_trim"))
    gap = (angle * (1 / 0.5)) ** 2 + ((share - 0.93) * (1 / 0.42)) ** 2  # over the strap of a cap turned backwards
    open_ = (kinds == BACKWARDS) * (share < 0.93) * smooth_step(1 - gap, 0.2)
    cover(cloth, s.spread(torch.where(d["baldness"][:, None] > 0.4, skin_colour(d), hair_colour(d))) * 0.7, open_)
    return cloth, torch.full_like(share, 0.06)


def _trim(s: Samples, kinds: Tensor, cap: Tensor) -> Tensor:
    """Where the second colour is: a cap's visor, a beanie's stripe, a hat's band, a scarf's dots."""
    angle, share = s.x, s.y
    visor = cap & (share > 1.5)
    stripe = (kinds == BEANIE) & (share > 0.5) & (share < 0.62)
    band = (kinds == BRIMMED) & (share > 0.78) & (share < 1.5)
    dots = (torch.sin(20 * angle) * torch.sin(2.6 * s.z)) > 0.7
    return (visor | stripe | band | ((kinds == SCARF) & dots)).float()


def shade_on_face(s: Samples) -> Tensor:
    """The share of light that a hat lets through to the skin below it, ``(M,)``: a brim less.

    Args:
        s: samples of heads that wear one.
    """
    d = s.dials
    kinds = kind(d)
    brim = ((kinds == CAP) | (kinds == BRIMMED)).float()
    reach = (2.0 + 0.05 * d["light_elevation"].clamp(0, 60)) * brim + 0.8
    edge = torch.tensor([row[0] for row in _EDGE], device=s.x.device)[kinds]
    depth = 0.25 + 0.35 * brim
    below = (edge.index_select(0, s.image) - s.y) / reach.index_select(0, s.image)
    return 1 - depth.index_select(0, s.image) * smooth_step(1 - below, 0.5) * (s.z > -2)
