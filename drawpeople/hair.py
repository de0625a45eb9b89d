"""Hair: tapering locks that grow out of the scalp, over a thin layer that hides it.

The layer is a sheet from the crown to the hair line and, where hair is long, on down behind the locks. How they grow
is in ``hair_growth.py``, what style they have in ``hair_style.py``, and how they are painted in ``hair_paint.py``.
"""

import functools
from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople import rng
from drawpeople.directions import displace, skull_fields, smooth
from drawpeople.hair_growth import JOINTS, STEPS, Path, Roots, cross, grow, tail, unit
from drawpeople.hair_style import wanted
from drawpeople.head import cells
from drawpeople.scalp import clearance, edge, place, roots

LOCKS = 190  # on the scalp
TAIL = 30  # in a pony tail or bun
COLUMNS, ROWS = 29, 9  # of the sheet, as far as the hair line; STEPS rows more hang down
_CORNERS = 2 * STEPS + 1  # of a lock: two a joint and one at the tip
_JOINT = tuple(k // 2 for k in range(_CORNERS))  # of each corner
_SIDE = (1.0, -1.0) * STEPS + (0.0,)


class Hair(NamedTuple):
    """The hair of a batch of people, ``V`` vertices each."""

    points: Tensor  # (N, V, 3) head coordinates
    tangents: Tensor  # (N, V, 3) unit, from root to tip
    normals: Tensor  # (N, V, 3) unit, away from the head
    #: (N, V, 3): across, from -1 to 1 and twice the lock's number (the sheet is -40 to 40, as if of many locks); along,
    #: 0 to 1; how dense: all hairs are there from 1.8 on, none at 0
    place: Tensor
    ambient: Tensor  # (N, V) share of the light from all around that arrives


@functools.cache
def triangles(device: torch.device) -> tuple[Tensor, Tensor]:
    """Corners of all triangles of :func:`drape`'s hair, clockwise as seen from outside.

    Returns:
        int64 ``(T, 3)``, and bool ``(T,)``: those that are seen from behind, too, as what hangs is.
    """
    rows = ROWS + STEPS
    sheet = cells(torch.arange(rows * COLUMNS).view(rows, COLUMNS))
    hangs = torch.arange(rows - 1).repeat_interleave(COLUMNS - 1).repeat(2) >= ROWS - 2
    strip = torch.cat((cells(torch.arange(2 * STEPS).view(STEPS, 2)), torch.tensor([[0, 1, 2]]) + 2 * STEPS - 2))
    first = rows * COLUMNS + _CORNERS * torch.arange(LOCKS + TAIL)
    angle, share = roots(LOCKS)
    beside = torch.cat(((angle.abs() > 0.6) & (angle.abs() < 1.9) & (share > 0.6), torch.zeros(TAIL) > 0))
    free = strip.amin(1) >= 4
    two_sided = torch.cat((hangs, (beside[:, None] & free).view(-1)))
    return torch.cat((sheet, (first[:, None, None] + strip).view(-1, 3))).to(device), two_sided.to(device)


def drape(person: dict[str, Tensor], under_hat: Tensor | None = None) -> Hair:
    """The hair of each person on their own skull.

    Args:
        person: name to ``(N,)``, as of the day (see :func:`hair_style.today`).
        under_hat: share ``(N,)`` by which hair above the brows is pressed flat.
    """
    w = wanted(person)
    seeds = rng.key((person["hair_pattern"] * 2**24).long(), 21)
    u = rng.uniform(seeds, 6 * (LOCKS + TAIL)).view(len(seeds), 6, -1)
    sheet, ends, dense = _sheet(person, w)
    locks = _lock_roots(person, w, u[..., :LOCKS])
    grown = grow(Roots(*(torch.cat((a, b), -1) for a, b in zip(locks, ends))), w)
    length = torch.cat((locks.length, 12 * w["tail"].clamp(max=1).expand(-1, TAIL)), 1)
    locks = Path(*(torch.cat((a[:, :, :LOCKS], b), 2) for a, b in zip(grown, tail(w, u[..., LOCKS:]))))
    sheet = Path(*(torch.cat((a, b[:, :, LOCKS:, 1:]), 3) for a, b in zip(sheet, grown)))
    sheet, locks = (path._replace(at=_settled(path.at, person, under_hat)) for path in (sheet, locks))
    parts = _sheet_vertices(sheet, dense), _lock_vertices(locks, w, length, u)
    hair = Hair(*(torch.cat(pair, 1) for pair in zip(*parts)))
    if under_hat is not None:  # nothing pokes through
        _, y, z = hair.points.unbind(-1)
        hair.place[..., 2] *= 1 - under_hat[:, None] * smooth(3.4, 4.4, y - 1.4 * smooth(2, 6, z))
    return hair


def _thickness(w: dict[str, Tensor], y: Tensor, angle: Tensor, share: Tensor, hangs: Tensor) -> Tensor:
    """How far the sheet lies off the scalp, in centimetres; below 0 where the scalp is bare."""
    big = smooth(1.5, 3.5, w["body"])  # an afro is a ball
    to_line = smooth(0.72 - 0.2 * big, 1.0, share)
    full = 0.9 * w["body"] * (0.5 + 0.5 * smooth(1, 8, y + 4 * big))
    thick = 0.12 + full * (1 - to_line) + 0.6 * w["body"] * hangs * to_line
    thick = thick - 0.26 * (1 - hangs) * smooth(0.92, 1.0, share)
    return thick + (0.06 - thick) * _bare(w, y, angle)


def _bare(w: dict[str, Tensor], y: Tensor, angle: Tensor) -> Tensor:
    """The share of the hair that a bald man has lost: a wreath from ear to ear is left."""
    above = 14.5 - w["thin"] * (9.7 + 6 * smooth(1.45, 1.0, angle.abs()))
    return smooth(-1.5, 1.5, y - above)


def _sheet(person: dict[str, Tensor], w: dict[str, Tensor]) -> tuple[Path, Roots, Tensor]:
    """The sheet down to the hair line, joints ``(3, N, COLUMNS, ROWS)``; how it hangs on; and how dense it is."""
    device = person["hair_line"].device
    angle = torch.linspace(-torch.pi, torch.pi, COLUMNS, device=device)
    share = torch.linspace(0, 1, ROWS, device=device).repeat(COLUMNS)
    angles = angle.repeat_interleave(ROWS)
    hangs = smooth(3, 8, w["side"]) * (1 - w["tail"].clamp(max=1)) * smooth(0.75, 1.05, angle.abs())
    at = torch.stack(place(angles, share, edge(angle, person).repeat_interleave(ROWS, 1)))
    away = clearance(*at)[1]
    thick = _thickness(w, at[1], angles, share, hangs.repeat_interleave(ROWS, 1))
    at, away = (v.view(3, -1, COLUMNS, ROWS) for v in (at + away * thick, away))
    zero = torch.zeros_like(hangs)
    layer, last = thick.view(-1, COLUMNS, ROWS)[..., -1], at[..., -1]
    length, side = 0.85 * w["side"] * hangs, 0.01 * angle.sign() + zero
    ends = Roots(last, zero, side, length, layer, 0 * last, 0.3 * w["curl"] + zero, zero)
    scalp = (smooth(-0.13, 0.13, thick) * (1 - _bare(w, at[1].flatten(1), angles))).view(-1, COLUMNS, ROWS)
    hanging = (hangs > 0)[..., None] * smooth(1.0, 0.7, torch.linspace(0, 1, STEPS + 1, device=device))
    hanging[..., 0] = hanging[..., 0].maximum(0.45 * smooth(1.5, 3.5, w["body"]))
    return Path(at, away), ends, 2.2 * torch.cat((scalp[..., :-1], hanging), -1).transpose(1, 2)


def _lock_roots(person: dict[str, Tensor], w: dict[str, Tensor], u: Tensor) -> Roots:
    """The locks of the scalp; ``u`` are uniform random numbers ``(N, 6, LOCKS)``."""
    angle, share = (r.to(u.device) for r in roots(LOCKS))
    x, y, z = place(angle, 0.97 * share, edge(angle, person))
    front = smooth(0.95, 0.6, angle.abs()) * smooth(0.35, 0.6, share)
    thick = _thickness(w, y, angle, share, smooth(3, 8, w["side"]))
    length = _lengths(w, (x, y, z), front) * (1.08 - (0.1 + 0.3 * w["rough"]) * u[:, 0])
    length = torch.where((length < 1) | (w["thin"] > 0.5), 0.0, length)
    layer = thick.clamp(min=0) + (0.1 + 0.2 * w["body"].clamp(max=1.2)) * u[:, 1]
    own = 6.3 * u[:, 0, :1]  # neighbours lie alike: half of how a lock strays is a smooth pattern of the person's own
    pattern = [torch.sin(0.7 * a + 0.5 * b + k * own) for k, (a, b) in enumerate(((x, y), (y, z), (z, x)), 1)]
    stray = torch.stack([0.5 * a + 1.2 * u[:, 2 + k] - 0.6 for k, a in enumerate(pattern)])
    phase = 6.3 * u[:, 5] * (1 - 0.75 * smooth(8, 16, w["side"])) + 1.5 * pattern[0]
    side = torch.tanh((x - w["part"]) / 0.1)
    return Roots(torch.stack((x, y, z)), front.expand_as(x), side, length, layer, stray, w["curl"].expand_as(x), phase)


def _lengths(w: dict[str, Tensor], at: tuple[Tensor, Tensor, Tensor], front: Tensor) -> Tensor:
    """How long locks with roots ``at`` are: a fringe ends above the eyes, on a slant away from the part."""
    x, y, z = at
    length = w["side"] + (w["top"] - w["side"]) * smooth(1.5, 6.5, y)
    to_brows = (y - 2.9).clamp(min=0) + 0.55 * (7 - z).clamp(min=0) + 0.2 * w["part"] * torch.tanh(x / 3)
    return length + (torch.minimum(to_brows, length) - length) * front * w["fringe"]


def _sheet_vertices(sheet: Path, dense: Tensor) -> Hair:
    at, away, tangent = (v.permute(1, 3, 2, 0) for v in (*sheet, _tangents(sheet.at)))  # (N, rows, columns, 3)
    n, rows, columns = at.shape[:3]
    across = torch.linspace(-40, 40, columns, device=at.device).expand(n, rows, -1)
    along = torch.linspace(0, 1, rows, device=at.device)[:, None].expand_as(across)
    facts = torch.stack((across, 2 * along, dense), -1)
    shade = 0.58 * (1 - 0.4 * smooth(2, -9, at[..., 1]))
    return Hair(*(v.flatten(1, 2) for v in (at, tangent, away, facts, shade)))


def _lock_vertices(locks: Path, w: dict[str, Tensor], length: Tensor, u: Tensor) -> Hair:
    """Ribbons, each turned a little about itself so that some show their width from wherever they are seen."""
    device, own, turned = length.device, u[:, 5, :, None], smooth(4, 12, length)[..., None]
    joint, side, along = (torch.tensor(v, device=device) for v in (_JOINT, _SIDE, JOINTS))
    whole = unit(locks.at[..., -1:] - locks.at[..., :1])  # short locks lie as one: no edge of one shows on the next
    tangent = unit(_tangents(locks.at) + 2 * (1 - turned) * whole)
    facing = locks.away + turned * (u[:, 2:5].transpose(0, 1)[..., None] - 0.5)
    in_front = 0.4 * smooth(4, 7, locks.at[2]) * smooth(4, 6, locks.at[1])  # a fringe lies together
    half = ((0.37 + 0.05 * length.clamp(max=10)) * (length > 0))[..., None]
    wider = torch.maximum(0.5 * w["curl"].clamp(max=1)[..., None], in_front)
    half = half * (1 + wider) * (1 + 0.4 * along - 0.8 * along * along)
    sideways = half * unit(cross(tangent, facing))
    depth = (0.8 + 0.2 * own) * (1 - 0.15 * turned * smooth(0.25, 0, along))  # inner locks, roots, the neck are darker
    shade = depth * (1 - 0.35 * smooth(2, -9, locks.at[1])) * (0.85 + 0.15 * locks.away[1])

    def corners(v: Tensor) -> Tensor:
        """Values at joints ``(C, N, L, joints)``, at the corners: ``(N, L * _CORNERS, C)``."""
        return v.index_select(3, joint).flatten(2).permute(1, 2, 0)

    points = corners(locks.at) + corners(sideways) * side.repeat(length.shape[1])[:, None]
    number = 60 + 2.0 * torch.arange(length.shape[1], device=device)[:, None]
    thins = 1.2 + 0.14 * length[..., None]  # centimetres of its tip
    dense = ((1 - along[joint]) * length[..., None] / thins).clamp(max=1) * (1.4 * smooth(-0.05, 0.12, along[joint]))
    facts = torch.stack([v + 0 * own for v in (side + number, along[joint], dense)], -1).flatten(1, 2)
    return Hair(points, corners(tangent), corners(locks.away), facts, corners(shade[None])[..., 0])


def _tangents(at: Tensor) -> Tensor:
    """Unit tangents along the last dimension of points ``(3, ...)``."""
    tangent = torch.empty_like(at)
    tangent[..., 1:-1] = at[..., 2:] - at[..., :-2]
    tangent[..., 0], tangent[..., -1] = at[..., 1] - at[..., 0], at[..., -1] - at[..., -2]
    return unit(tangent)


def _settled(at: Tensor, person: dict[str, Tensor], under_hat: Tensor | None) -> Tensor:
    """Points ``(3, N, L, joints)`` pressed to the head by a hat, and moved with the skull."""
    if under_hat is not None:
        near, away = clearance(*at)
        covered = smooth(2.2, 3.8, at[1] - 0.15 * at[2].clamp(max=0))  # its edge is lower behind
        at = at - (near - 0.1).clamp(min=0) * under_hat[:, None, None] * covered * away
    flat = at.flatten(2)
    return displace(flat.permute(1, 2, 0), skull_fields(tuple(flat)), person).permute(2, 0, 1).reshape(at.shape)
