"""Where hair grows, and how far a point is from the head: the ground on which :mod:`hair` builds.

All on the average head of ``head.slice_at`` and ``head.around``, in centimetres; hair is moved along with the skull
when it is done.
"""

import functools

import torch
from torch import Tensor

from drawpeople.directions import smooth
from drawpeople.head import around, slice_at

_DEGREE = torch.pi / 180
_LOW, _CELLS = (0, -16, -18), (16, 36, 36)  # the table of distances: first corner, centimetre cells along x, y, z


def edge(angles: Tensor, person: dict[str, Tensor]) -> Tensor:
    """The hair line, centimetres above the eyes ``(N, A)``, at angles ``(A,)`` from the front."""
    line, bald = person["hair_line"][:, None], person["baldness"][:, None]
    around_head = angles.abs()
    recedes = 2.6 * smooth(0.15, 0.5, bald)
    corner = torch.exp(-(((around_head - 34 * _DEGREE) / (13 * _DEGREE)) ** 2))
    front = 6.2 + 0.9 * line + recedes * (0.45 + 0.55 * corner) + 0.5 * corner
    ragged = 0.12 * (torch.sin(23 * angles) + torch.sin(41 * angles + 1))
    to_temple = smooth(34 * _DEGREE, 62 * _DEGREE, around_head)
    to_side = smooth(62 * _DEGREE, 84 * _DEGREE, around_head)
    to_back = smooth(97 * _DEGREE, 135 * _DEGREE, around_head)
    height = front + (3.6 - front) * to_temple
    height = height + (0.6 - height) * to_side  # the sideburn
    return height + (-5.6 - height) * to_back + ragged


def place(angles: Tensor, share: Tensor, ends: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Points x, y, z ``(N, M)`` of the scalp, at angles and shares ``(M,)`` of the way from crown to hair line.

    ``ends`` ``(N, M)`` is the hair line at these angles.
    """
    y = 12 - (12 - ends) * share**1.6
    width, middle, depth = slice_at(y)
    x, z = around(*(torch.full_like(angles, v) for v in (1.0, 0.0, 1.0)), angles)  # the same bits in any batch
    return width * x, y, middle + depth * z


@functools.cache
def roots(count: int) -> tuple[Tensor, Tensor]:
    """Angles and shares (see :func:`place`) of roots spread evenly over the scalp: ``(count,)`` each.

    A spiral whose turns differ by the golden section (Vogel 1979, "A better way to construct the sunflower head");
    angles are crowded where the way to the hair line is long.
    """
    k = torch.arange(count, dtype=torch.float64)
    angles = torch.linspace(-torch.pi, torch.pi, 721, dtype=torch.float64)
    way = 1.25 - 0.55 * torch.cos(angles)  # the back has more scalp than the front
    turns = torch.cumsum(way, 0) / way.sum()
    at = torch.searchsorted(turns, (k * 0.6180339887) % 1).clamp(max=720)
    return angles[at].float(), ((k + 0.5) / count).sqrt().float()


@functools.cache
def _distances(device: torch.device) -> Tensor:
    """Of each cell of a table of points: distance from the head (below 0 inside) and the direction away from it.

    Returns:
        ``(cells, 4)``; only x >= 0, the head is symmetric.
    """
    height = 12 * torch.sin(torch.linspace(-0.5, 0.5, 121) * torch.pi)  # dense where the head is flat
    y, angle = torch.meshgrid(height, torch.linspace(0, torch.pi, 49), indexing="ij")
    x, z = around(*slice_at(y), angle)
    surface = torch.stack((x, y, z), -1).view(-1, 3)
    axes = (torch.arange(n) + low + 0.5 * (k > 0) for k, (low, n) in enumerate(zip(_LOW, _CELLS)))
    cells = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).view(-1, 3)
    nearest = torch.cat([torch.cdist(c, surface).amin(1) for c in cells.split(2048)])
    width, middle, depth = slice_at(cells[:, 1])
    across, along = cells[:, 0] / width.clamp(min=1e-3), (cells[:, 2] - middle) / depth.clamp(min=1e-3)
    inside = (across.abs() ** 2.3 + along.abs() ** 2.3 < 1) & (cells[:, 1].abs() < 12)
    signed = torch.where(inside, -nearest, nearest).view(_CELLS)
    mirrored = torch.cat((signed[1:2], signed))  # beyond x = 0
    away = torch.stack((torch.gradient(mirrored)[0][1:], *torch.gradient(signed)[1:]), -1).view(-1, 3)
    return torch.cat((signed.view(-1, 1), torch.nn.functional.normalize(away, dim=1)), 1).to(device)


def clearance(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """How far points are from the head (cm, below 0 inside), and the unit vectors ``(3, ...)`` away from it."""
    right = x.abs()
    i, j, k = right.round(), y.floor(), z.floor()
    i, j, k = (c.clamp(low, low + n - 1) for c, low, n in zip((i, j, k), _LOW, _CELLS))
    cell = ((i - _LOW[0]) * _CELLS[1] + (j - _LOW[1])) * _CELLS[2] + (k - _LOW[2])
    found = _distances(x.device).index_select(0, cell.long().view(-1)).T.reshape(4, *x.shape)
    distance, away = found[0], found[1:]
    distance = distance + away[0] * (right - i) + away[1] * (y - j - 0.5) + away[2] * (z - k - 0.5)
    away[0] *= torch.where(x < 0, -1.0, 1.0)
    return distance, away


def off_shoulders(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """z moved in front of or behind neck and shoulders, whichever is nearer; any shape."""
    wide = 5.6 + 12.5 * smooth(-11.0, -19.0, y)
    deep = 6.0 + 2.0 * smooth(-11.0, -19.0, y)
    share = x / wide
    half = deep * (1 - share * share).clamp(min=0).sqrt() * smooth(-6.0, -9.0, y)
    from_middle = z + 2.2
    side = torch.where(from_middle < 0, -1.0, 1.0)
    return side * torch.maximum(from_middle.abs(), half) - 2.2
