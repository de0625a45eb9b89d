"""What things that people wear are made of: grids of vertices that collapse to a point where a thing is absent.

A builder of a thing (``eyewear.py``, ``hats.py``, ``covers.py``) gets the people who have it (:class:`Wearers`) and
returns points in head coordinates, ``(N, rows, columns, 3)`` a piece. Rows run down and columns to the right as seen
from outside; that is what makes a triangle face outwards.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople.camera import unit
from drawpeople.directions import displace, skull_fields
from drawpeople.head import Mesh
from drawpeople.truth import on_surface


class Piece(NamedTuple):
    """A grid of a thing."""

    part: int  # see head.py
    rows: int
    columns: int
    two_sided: bool = False  # seen from behind, too: sheets
    closed: bool = True  # the last column lies on the first


class Wearers(NamedTuple):
    """Some people, as they are in their images."""

    dials: dict[str, Tensor]  # the parameters of person and image, (N,) each
    body: Tensor  # (N, V, 3) their heads, ears and necks before the pose
    shared: Mesh

    def take(self, index: Tensor) -> Wearers:
        dials = {name: value.index_select(0, index) for name, value in self.dials.items()}
        return Wearers(dials, self.body.index_select(0, index), self.shared)

    def dial(self, name: str, dims: int = 1) -> Tensor:
        """A parameter as ``(N, 1, ...)`` with so many dimensions after the first."""
        return self.dials[name].view(-1, *(1,) * dims)

    def on_face(self, x: Tensor, y: Tensor) -> Tensor:
        """Where places of the average face are on each wearer: from x and y ``(N or 1, ...)`` to ``(N, ..., 3)``."""
        shape = (len(self.body), *x.shape[1:])
        places = tuple(c.expand(shape).reshape(len(self.body), -1) for c in (x, y))
        return on_surface(self.body, places, self.shared).view(*shape, 3)

    def on_skull(self, points: Tensor) -> Tensor:
        """Points ``(N, ..., 3)`` around the average head, moved as each wearer's skull differs from it."""
        flat = points.reshape(len(points), -1, 3)
        return displace(flat, skull_fields(flat.unbind(-1)), self.dials).view(points.shape)

    def ear(self, side: int) -> Tensor:
        """The vertices of an ear, -1 the viewer's left: ``(N, rows * columns, 3)``."""
        grid = self.shared.grids[1 if side < 0 else 2]
        return self.body[:, grid.start : grid.start + grid.rows * grid.columns]


def point(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Coordinates that broadcast against each other as points ``(..., 3)``."""
    return torch.stack(torch.broadcast_tensors(x, y, z), dim=-1)


def tube(path: Tensor, ahead: Tensor, high: Tensor, wide: Tensor, around: int) -> Tensor:
    """A tube along a path ``(N, K, 3)``: ``(N, K, around, 3)``; the last column closes the ring.

    ``ahead`` is the path's direction, ``high`` leads from the path to the first column, ``wide`` is the other radius
    ``(N, K)``.
    """
    angle = torch.linspace(0, 2 * torch.pi, around, device=path.device)[:, None]
    across = unit(_cross(high, ahead), -1) * wide[..., None]
    return path[:, :, None] + torch.cos(angle) * high[:, :, None] + torch.sin(angle) * across[:, :, None]


def _cross(a: Tensor, b: Tensor) -> Tensor:
    (ax, ay, az), (bx, by, bz) = a.unbind(-1), b.unbind(-1)
    return torch.stack((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), dim=-1)


def along(path: Tensor) -> Tensor:
    """Directions of an open path ``(N, K, 3)`` at its points."""
    return torch.cat((path[:, 1:], path[:, -1:]), 1) - torch.cat((path[:, :1], path[:, :-1]), 1)
