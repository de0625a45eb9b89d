"""The head as a mesh: a fixed average, moved along the named directions of ``directions.py``.

Centimetres; the origin lies between the eyes, x to the viewer's right, y up, z towards the viewer. Every vertex keeps
its place on the average head (its *rest* point): colour is painted there, so it moves with the surface.

Sizes follow adult averages: eyes 6.2 cm apart, head 14.5 cm wide (Farkas 1994, "Anthropometry of the head and face").
"""

import functools
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople.directions import Term, ear_fields, face_fields, skull_fields, smooth
from drawpeople.sculpture import after_photos, spline, stands_out

#: What a triangle is part of.
HEAD, EAR, NECK, HAIR, GLASSES, LENS, HAT, MASK, HAND, JEWEL = range(10)

#: Horizontal slices of the average head without features: height, half width, foremost and hindmost z.
_SLICES = torch.tensor(
    [
        (12.0, 0.0, -1.5, -1.5),
        (11.75, 2.0, 0.8, -4.0),
        (11.2, 3.55, 2.8, -6.2),
        (10.0, 5.2, 5.2, -8.3),
        (8.0, 6.35, 7.2, -9.7),
        (5.5, 7.05, 8.2, -10.3),
        (3.0, 7.25, 8.5, -10.2),
        (1.0, 7.0, 8.1, -9.7),
        (-1.0, 6.65, 7.8, -8.8),
        (-3.0, 6.25, 8.0, -7.5),
        (-5.0, 5.65, 8.3, -5.6),
        (-7.0, 4.95, 8.3, -3.6),
        (-8.5, 4.25, 8.1, -2.0),
        (-10.0, 3.4, 7.8, -0.2),
        (-11.0, 2.4, 7.3, 1.2),
        (-11.7, 1.4, 6.5, 2.4),
        (-12.0, 0.0, 4.6, 4.6),
    ]
)
_NECK_SLICES = torch.tensor(
    [
        (-0.5, 3.6, 0.5, -7.0),
        (-4.0, 4.2, 1.3, -6.6),
        (-8.0, 4.6, 2.2, -6.8),
        (-11.0, 4.8, 2.8, -7.2),
        (-13.5, 5.4, 3.6, -7.8),
        (-15.2, 8.0, 4.6, -8.5),
        (-16.8, 12.5, 5.6, -9.0),
        (-18.6, 16.6, 6.4, -9.5),
        (-21.0, 18.4, 7.2, -9.8),
        (-26.0, 18.6, 8.6, -10.0),
        (-38.0, 18.0, 9.0, -10.0),
    ]
)


def _catmull_rom(table: Tensor, t: Tensor) -> Tensor:
    """A smooth curve through the rows of ``table`` ``(K, C)`` at row numbers ``t`` (any shape): ``(..., C)``."""
    k = t.floor().clamp(0, len(table) - 2).long()
    u = (t - k)[..., None]
    a, b, c, d = (table[(k + j).clamp(0, len(table) - 1)] for j in (-1, 0, 1, 2))
    return 0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3)


@functools.cache
def _slice_lookup() -> Tensor:
    """The head's slices at 1,201 heights from -12 to 12, a fiftieth of a centimetre apart: ``(1201, 3)``."""
    dense = _catmull_rom(_SLICES, torch.linspace(0, len(_SLICES) - 1, 4001)).flip(0)
    heights = torch.linspace(-12, 12, 1201)
    k = torch.searchsorted(dense[:, 0].contiguous(), heights).clamp(1, len(dense) - 1)
    below, above = dense[k - 1], dense[k]
    u = ((heights - below[:, 0]) / (above[:, 0] - below[:, 0]).clamp(min=1e-6)).clamp(0, 1)[:, None]
    return (below + (above - below) * u)[:, 1:]


def slice_at(y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Half width, middle z and half depth of the average head at heights ``y`` (any shape)."""
    width, front, back = _slice_lookup().to(y.device)[((y + 12) * 50).round().clamp(0, 1200).long()].unbind(-1)
    return width, (front + back) / 2, (front - back) / 2


def around(width: Tensor, middle: Tensor, depth: Tensor, angle: Tensor, power: float = 2.3) -> tuple[Tensor, Tensor]:
    """x and z on a superellipse; angle 0 is the front, positive to the viewer's right."""
    sine = torch.sin(angle)
    side = (1 - sine.abs() ** power).clamp(min=0) ** (1 / power)
    return width * sine, middle + depth * side * torch.where(angle.cos() < 0, -1.0, 1.0)


class Grid(NamedTuple):
    """One part of the mesh: ``rows * columns`` vertices from number ``start``; rows run down, columns to the right."""

    part: int
    start: int
    rows: int
    columns: int

    def triangles(self) -> Tensor:
        """Two triangles a cell, clockwise as seen from outside: int64 ``(T, 3)``."""
        return cells(self.start + torch.arange(self.rows * self.columns).view(self.rows, self.columns))


def cells(index: Tensor) -> Tensor:
    """Two triangles a cell of a grid of vertex numbers ``(R, C)``, clockwise as seen from outside: ``(T, 3)``."""
    a, b, c, d = (k.reshape(-1) for k in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    return torch.cat((torch.stack((a, b, c), 1), torch.stack((b, d, c), 1)))


def behind_each_other(shapes: Iterable[tuple[int, int, int]]) -> tuple[Grid, ...]:
    """Grids of parts, rows and columns, whose vertices follow each other."""
    grids, start = [], 0
    for part, rows, columns in shapes:
        grids.append(Grid(part, start, rows, columns))
        start += rows * columns
    return tuple(grids)


class Mesh(NamedTuple):
    """What all heads share: head, ears and neck. Hair and what people wear have meshes of their own."""

    rest: Tensor  # (V, 3)
    grids: tuple[Grid, ...]  # head, left and right ear, neck
    triangles: Tensor  # (T, 3)
    parts: Tensor  # (T,) HEAD, EAR or NECK
    fields: dict[str, list[Term]]  # directions: name to (axis, displacement (V,))
    follows: Tensor  # (V,) 1 moves with the head, 0 with the shoulders
    angles: Tensor  # (53,) of the head's columns


_COLUMNS = 53  # of the head

#: Height, and how many rows of the mesh a centimetre has there: dense where the face has features.
_ROWS_A_CM = (
    (-12.0, 5.5),
    (-11.0, 3.0),
    (-9.0, 2.6),
    (-7.5, 4.6),
    (-6.5, 6.2),
    (-5.0, 6.2),
    (-4.2, 7.0),
    (-3.4, 5.0),
    (-2.5, 3.6),
    (-1.0, 4.6),
    (0.3, 5.4),
    (1.3, 4.4),
    (3.0, 2.4),
    (6.0, 1.2),
    (10.0, 1.1),
    (11.5, 2.4),
    (12.0, 5.0),
)
_HEAD_ROWS = 70
_SLIT = (-6.36, -6.64)  # the rows between which the mouth opens


def _head_angles() -> Tensor:
    """The head's columns, denser in the face: radians from the front, positive to the viewer's right."""
    k = torch.linspace(-1, 1, _COLUMNS)
    return torch.pi * (0.3 * k + 0.7 * k**3)


@functools.cache
def _head_heights() -> Tensor:
    """The head's rows from the top down, two of them on the edges of the mouth's slit."""
    heights, density = (torch.tensor(column, dtype=torch.float64) for column in zip(*_ROWS_A_CM))
    fine = torch.linspace(-12, 12, 2401, dtype=torch.float64)
    rows_so_far = (spline(tuple(heights.tolist()), fine) @ density).cumsum(0)
    wanted = torch.linspace(float(rows_so_far[0]), float(rows_so_far[-1]), _HEAD_ROWS, dtype=torch.float64)
    y = fine[torch.searchsorted(rows_so_far, wanted).clamp(max=2400)].flip(0)
    y[0], y[-1] = 12, -12
    upper = int((y > sum(_SLIT) / 2).sum()) - 1
    y[upper], y[upper + 1] = _SLIT
    return y.float()


def _head_rest() -> Tensor:
    y, angle = torch.meshgrid(_head_heights(), _head_angles(), indexing="ij")
    x, z = around(*slice_at(y), angle)
    return torch.stack((x, y, z), dim=-1)


def _ear_rest(side: int) -> Tensor:
    """Rings from the hollow at the ear canal out to the rim and round it to the skull; ``side`` is 1 or -1.

    6.2 cm high and 3.5 wide (Farkas 1994); its back stands off the skull by 20 degrees.
    """
    ring = torch.tensor([0.02, 0.22, 0.36, 0.50, 0.62, 0.74, 0.86, 0.95, 1.0, 0.97, 0.8])[:, None]
    angle = torch.linspace(-0.5 * torch.pi, 1.5 * torch.pi, 23)  # from the lobe over the back, or over the front
    back, up = angle.cos(), angle.sin()
    lobe, front = smooth(-0.35, -0.9, up), smooth(-0.2, -0.8, back)
    # hollow, fold (it fades towards the front), furrow, rolled rim
    fold, rim = torch.exp(-(((ring - 0.54) / 0.12) ** 2)), torch.exp(-(((ring - 0.93) / 0.1) ** 2))
    out = 0.22 * fold * (1 - lobe) + 0.26 * rim * (1 - 0.6 * lobe) * (1 - 0.9 * front)
    out = out - 0.5 * smooth(0.5, 0.2, ring) * (1 - 0.5 * lobe)
    out = out - 0.1 * torch.exp(-(((ring - 0.74) / 0.1) ** 2)) * (1 - front) * (1 - lobe)
    out[-2:] = torch.tensor([[-0.28], [-0.8]])  # behind
    length = -0.25 + ring * (0.25 + 1.72 * back * (1 + 0.22 * up))
    height = -0.5 + ring * (0.5 + 3.1 * up)
    x, z = 7.0 + 0.93 * out + 0.34 * (length + 1.4), -1.75 - 0.93 * length + 0.36 * out - 0.12 * height
    ear = torch.stack((side * x, height - 0.95, z), dim=-1)
    return ear.flip(1) if side < 0 else ear  # columns run to the right as seen from outside


def _neck_rest() -> Tensor:
    y, width, front, back = _catmull_rom(_NECK_SLICES, torch.linspace(0, len(_NECK_SLICES) - 1, 19)).unbind(-1)
    angle = torch.linspace(-torch.pi, torch.pi, 31)
    x, z = around(width[:, None], ((front + back) / 2)[:, None], ((front - back) / 2)[:, None], angle[None, :], 2.0)
    return torch.stack((x, y[:, None].expand_as(x), z), dim=-1)


def grid_place(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column, as fractions, at which rest points of the head's front lie on its grid; any shape."""
    rising = _head_heights().flip(0).to(y.device)
    k = torch.searchsorted(rising, y.contiguous()).clamp(1, len(rising) - 1)
    row = len(rising) - 1 - (k - 1 + (y - rising[k - 1]) / (rising[k] - rising[k - 1]))
    angle = torch.asin((x / slice_at(y)[0].clamp(min=1e-3)).clamp(-1, 1))
    angles = _head_angles().to(y.device)
    k = torch.searchsorted(angles, angle.contiguous()).clamp(1, len(angles) - 1)
    column = k - 1 + (angle - angles[k - 1]) / (angles[k] - angles[k - 1])
    return row.clamp(0, len(rising) - 1.001), column.clamp(0, len(angles) - 1.001)


@functools.cache
def mesh(device: torch.device) -> Mesh:
    """The shared part of all heads."""
    blocks = ((HEAD, _head_rest()), (EAR, _ear_rest(-1)), (EAR, _ear_rest(1)), (NECK, _neck_rest()))
    grids = behind_each_other((part, *block.shape[:2]) for part, block in blocks)
    rest = torch.cat([b.reshape(-1, 3) for _, b in blocks])
    neck = torch.cat([torch.full((g.rows * g.columns,), g.part == NECK) for g in grids])
    triangles = [g.triangles() for g in grids]
    return Mesh(
        rest=rest.to(device),
        grids=grids,
        triangles=torch.cat(triangles).to(device),
        parts=torch.cat([torch.full((len(t),), g.part) for g, t in zip(grids, triangles)]).to(device),
        fields={n: [(axis, f.to(device)) for axis, f in terms] for n, terms in _fields(rest, grids).items()},
        follows=torch.where(neck, smooth(-15, -9, rest[:, 1]), torch.tensor(1.0)).to(device),
        angles=_head_angles().to(device),
    )


def _fields(rest: Tensor, grids: tuple[Grid, ...]) -> dict[str, list[Term]]:
    """All directions over all vertices; ``average`` is added to every head."""
    part = torch.cat([torch.full((g.rows * g.columns,), g.part) for g in grids])
    on_head, ear, neck = (part == k for k in (HEAD, EAR, NECK))
    x, y, z = rest.unbind(-1)
    neck_width = 0.14 * x * smooth(-17, -12, y)
    fields = {
        "average": [
            (axis, shift * on_head) for axis, shift in ((2, stands_out(x, y, z)), *after_photos(x, y, z).items())
        ],
        "neck_width": [(0, neck_width * neck)],
    }
    for names, where in ((skull_fields, ~neck), (face_fields, on_head), (ear_fields, ear)):
        fields |= {k: [(axis, f * where) for axis, f in terms] for k, terms in names((x, y, z)).items()}
    return fields
