"""What is known of an image beside its pixels: where the landmarks lie, which are seen, and what each pixel shows."""

from collections.abc import Callable
from enum import IntEnum

import torch
from torch import Tensor

from drawpeople.features import (
    EYE_HALF,
    EYE_X,
    MOUTH_HALF,
    MOUTH_Y,
    brow_middle,
    brow_span,
    lids,
    lip_edges,
    slit,
)
from drawpeople.head import Mesh, grid_place, slice_at

#: The course's five landmarks: the pupils, the tip of the nose, the corners of the mouth (rest points x, y).
FIVE = ((-3.1, 0.0), (3.1, 0.0), (0.0, -3.84), (-2.5, -6.5), (2.5, -6.5))
_TOLERANCE = 0.6  # cm by which a landmark may lie behind what the image shows at its place


class Region(IntEnum):
    """What a pixel shows."""

    BACKGROUND = 0
    SKIN = 1
    HAIR = 2
    EYES = 3
    BROWS = 4
    NOSE = 5
    MOUTH = 6
    BEARD = 7
    GLASSES = 8
    CLOTHES = 9
    HAT = 10
    MASK = 11
    HAND = 12
    JEWELLERY = 13


_COVERS = (Region.GLASSES, Region.HAT, Region.MASK, Region.HAND)  # whoever shows these shows no face there


def five_places(n: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rest points of the five landmarks, x and y ``(N, 5)``."""
    x, y = torch.tensor(FIVE, device=device).T
    return x.expand(n, -1), y.expand(n, -1)


def dense_places(dial: Callable[[str], Tensor]) -> tuple[Tensor, Tensor]:
    """Rest points, x and y ``(N, 68)``, of 68 landmarks in the order of 300-W (Sagonas et al. 2013, figure 1).

    Those of the jaw are places on the jaw bone, not on its outline in the image. Lids, brows and lips are where the
    person's are painted. ``dial`` gives the parameter of a name, ``(N, 1)``.
    """
    n, device = len(dial("sex")), dial("sex").device

    def row(*values: float) -> Tensor:
        return torch.tensor(values, device=device).expand(n, -1)

    groups = (_jaw(row), *_brows(row, dial), _nose(row), *_eyes(row, dial), *_mouth(row, dial))
    return torch.cat([x for x, _ in groups], dim=1), torch.cat([y for _, y in groups], dim=1)


def _mirrored(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return -x.flip(1), y.flip(1)


def _jaw(row: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
    y = row(-11.5, -11.2, -10.5, -9.4, -7.9, -6.1, -4.1, -2.1, -0.1)
    angle = row(0, 28, 44, 58, 68, 74, 78, 80, 82) * (torch.pi / 180)
    x = slice_at(y)[0] * torch.sin(angle)
    left = _mirrored(x[:, 1:], y[:, 1:])
    return torch.cat((left[0], x), 1), torch.cat((left[1], y), 1)


def _brows(row: Callable[..., Tensor], dial: Callable[[str], Tensor]) -> tuple[tuple[Tensor, Tensor], ...]:
    along = row(-0.85, -0.42, 0.0, 0.42, 0.85)
    off, half = brow_span(dial)
    across = along * half + EYE_X + off
    right = across, brow_middle(across, dial)[0]
    return _mirrored(*right), right


def _nose(row: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
    x = row(0, 0, 0, 0, -1.6, -0.75, 0, 0.75, 1.6)
    return x, row(0.58, -1.0, -2.4, -3.84, -4.45, -4.62, -4.7, -4.62, -4.45)


def _eyes(row: Callable[..., Tensor], dial: Callable[[str], Tensor]) -> tuple[tuple[Tensor, Tensor], ...]:
    u = row(-1, -0.36, 0.36, 1, 0.36, -0.36)  # from the inner corner over the upper lid
    top, bottom = lids(u, dial)
    upper = torch.tensor([True, True, True, True, False, False], device=u.device)
    x, y = EYE_X + EYE_HALF * u, torch.where(upper, top, bottom)
    order = torch.tensor([3, 2, 1, 0, 5, 4], device=u.device)  # the left eye begins at its outer corner
    return (-x[:, order], y[:, order]), (x, y)


def _mouth(row: Callable[..., Tensor], dial: Callable[[str], Tensor]) -> tuple[tuple[Tensor, Tensor], ...]:
    u = row(-1, -0.62, -0.26, 0, 0.26, 0.62, 1, 0.62, 0.28, 0, -0.28, -0.62)
    upper, lower = lip_edges(u.abs(), dial)
    over = torch.tensor([True] * 7 + [False] * 5, device=u.device)
    outer = MOUTH_HALF * u, MOUTH_Y + torch.where(over, upper, -lower)
    u = row(-0.86, -0.3, 0, 0.3, 0.86, 0.3, 0, -0.3)
    gap = slit(u.abs(), dial)
    over = torch.tensor([True] * 5 + [False] * 3, device=u.device)
    return outer, (MOUTH_HALF * u, MOUTH_Y + torch.where(over, gap, -gap))


def on_surface(points: Tensor, places: tuple[Tensor, Tensor], shared: Mesh) -> Tensor:
    """Where rest points of the face, x and y ``(N, L)``, lie on heads as they are drawn: ``(N, L, 3)``.

    ``points`` are the vertices ``(N, V, 3)`` in any coordinates; bilinear within a cell of the mesh.
    """
    row, column = grid_place(*places)
    columns = shared.grids[0].columns
    r0, c0 = row.floor().long(), column.floor().long()
    down, right = (row - r0)[..., None], (column - c0)[..., None]

    def corner(k: Tensor) -> Tensor:
        return points.gather(1, k[..., None].expand(-1, -1, points.shape[2]))

    first = r0 * columns + c0
    top = corner(first) * (1 - right) + corner(first + 1) * right
    bottom = corner(first + columns) * (1 - right) + corner(first + columns + 1) * right
    return top * (1 - down) + bottom * down


def seen(points: Tensor, depth: Tensor, regions: Tensor) -> Tensor:
    """Which landmarks ``(N, L, 3)`` (pixels and depth) lie in the image with nothing in front of them: bool ``(N, L)``.

    ``depth`` is that of the samples, see :func:`raster.rasterize`; ``regions`` is what the pixels show, as
    a mask or a lens may lie too near for its depth to tell.
    """
    height, width = regions.shape[1:]
    x, y = points[..., 0], points[..., 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    column = x.floor().long().clamp(0, width - 1)
    row = (2 * y).floor().long().clamp(0, 2 * height - 1)
    in_front = depth.gather(1, row * width + column)
    shown = regions.flatten(1).gather(1, row.div(2, rounding_mode="floor") * width + column)
    covered = torch.isin(shown, torch.tensor(_COVERS, device=shown.device))
    return inside & (points[..., 2] < in_front + _TOLERANCE) & ~covered
