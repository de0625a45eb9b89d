"""All that people wear or hold before their face, as one block of the mesh, and its paint."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople import camera, covers, eyewear, hats
from drawpeople.appearance import Paint
from drawpeople.head import GLASSES, HAND, HAT, JEWEL, LENS, MASK, Grid, Mesh, behind_each_other
from drawpeople.pieces import Piece, Wearers
from drawpeople.samples import Samples
from drawpeople.truth import Region


class _Thing(NamedTuple):
    pieces: tuple[Piece, ...]
    worn: Callable[[dict[str, Tensor]], Tensor]  # who wears it, bool (N,)
    build: Callable[[Wearers], tuple[tuple[Tensor, Tensor], ...]]  # points and place of each piece


def _turned_on(name: str) -> Callable[[dict[str, Tensor]], Tensor]:
    return lambda dials: dials[name] > 0.5


_THINGS = (
    _Thing(eyewear.PIECES, eyewear.wears, eyewear.build),
    _Thing(hats.PIECES, hats.wears, hats.build),
    _Thing(covers.MASK_PIECES, _turned_on("mask"), covers.build_mask),
    _Thing(covers.HAND_PIECES, _turned_on("hand"), covers.build_hand),
    _Thing(covers.EARRING_PIECES, lambda d: (d["earrings"] > 0.5) & ~hats.hides_hair(d), covers.build_earrings),
)
_PIECES = tuple(piece for thing in _THINGS for piece in thing.pieces)
_PAINT = (
    ((GLASSES, LENS), Region.GLASSES, eyewear.paint),
    ((HAT,), Region.HAT, hats.paint),
    ((MASK,), Region.MASK, covers.paint_mask),
    ((HAND,), Region.HAND, covers.paint_hand),
    ((JEWEL,), Region.JEWELLERY, covers.paint_earrings),
)


class Block(NamedTuple):
    """The topology, the same for everybody."""

    grids: tuple[Grid, ...]
    triangles: Tensor  # (T, 3)
    parts: Tensor  # (T,)
    two_sided: Tensor  # (T,) bool


@functools.cache
def block(device: torch.device) -> Block:
    """The grids of all pieces behind each other."""
    grids = behind_each_other((piece.part, piece.rows, piece.columns) for piece in _PIECES)
    triangles = [grid.triangles() for grid in grids]
    counts = torch.tensor([len(t) for t in triangles])
    parts = torch.tensor([piece.part for piece in _PIECES]).repeat_interleave(counts)
    two_sided = torch.tensor([piece.two_sided for piece in _PIECES]).repeat_interleave(counts)
    return Block(grids, torch.cat(triangles).to(device), parts.to(device), two_sided.to(device))


class Worn(NamedTuple):
    """The things of a batch."""

    points: Tensor  # (N, V, 3) in head coordinates; everything turns with the head
    place: Tensor  # (N, V, 3) for paint

    def values(self, turned: Tensor) -> Tensor:
        """What is interpolated, see ``samples.py``: ``(N, V, 9)``; ``turned`` are the points in camera coordinates."""
        normals = camera.normals(turned, block(turned.device).grids)
        for grid, piece in zip(block(turned.device).grids, _PIECES):
            if piece.closed:
                _close(normals[:, grid.start : grid.start + grid.rows * grid.columns].unflatten(1, (-1, grid.columns)))
        nothing = torch.zeros_like(normals[..., :1])
        return torch.cat((normals, self.place, nothing, nothing + 0.9, nothing + 1), dim=2)


def _close(normals: Tensor) -> None:
    """Let the ends of rings ``(N, R, columns, 3)`` share a normal, in place."""
    shared = camera.unit(normals[:, :, 0] + normals[:, :, -1], -1)
    normals[:, :, 0] = shared
    normals[:, :, -1] = shared


def wear(dials: dict[str, Tensor], body: Tensor, shared: Mesh) -> Worn:
    """Everybody's things, fitted to them.

    Args:
        dials: the parameters of persons and images, ``(N,)`` each.
        body: ``(N, V, 3)`` the vertices of ``shared`` displaced for each person and expression, before the pose.
    """
    everybody = Wearers(dials, body, shared)
    parts = [_for_those_who_have_it(everybody, thing) for thing in _THINGS]
    return Worn(torch.cat([points for points, _ in parts], dim=1), torch.cat([place for _, place in parts], dim=1))


def _for_those_who_have_it(everybody: Wearers, thing: _Thing) -> tuple[Tensor, Tensor]:
    """Points and place ``(N, V, 3)``; at the origin, inside the head, for all others."""
    vertices = sum(piece.rows * piece.columns for piece in thing.pieces)
    points = everybody.body.new_zeros(len(everybody.body), vertices, 3)
    place = torch.zeros_like(points)
    index = thing.worn(everybody.dials).nonzero()[:, 0]
    if len(index):
        pieces = thing.build(everybody.take(index))
        points[index] = torch.cat([p.flatten(1, 2) for p, _ in pieces], dim=1)
        place[index] = torch.cat([p.expand_as(q).flatten(1, 2) for q, p in pieces], dim=1)
    return points, place


def paint(s: Samples) -> Paint:
    """The look of samples of what is worn or held."""
    empty = s.values.new_zeros(len(s.part))
    result = Paint(empty.expand(3, -1).clone(), empty.clone(), (s.part == HAND).float(), torch.zeros_like(s.part))
    for parts, region, layer in _PAINT:
        index = sum(s.part == part for part in parts).nonzero()[:, 0]
        if len(index):
            result.colour[:, index], result.gloss[index] = layer(s.take(index))
            result.region[index] = int(region)
    return result


def light_on_face(s: Samples) -> tuple[Tensor, Tensor]:
    """What the things do to the light on skin, for samples of heads.

    Returns:
        the share that they let through, and light that clear lenses mirror before the eyes, ``(M,)`` each.
    """
    through, mirrored = torch.ones_like(s.x), torch.zeros_like(s.x)
    index = (eyewear.wears(s.dials).index_select(0, s.image) & (s.z > 0)).nonzero()[:, 0]
    if len(index):
        through[index], mirrored[index] = eyewear.light_on_face(s.take(index))
    index = hats.wears(s.dials).index_select(0, s.image).nonzero()[:, 0]
    if len(index):
        through[index] *= hats.shade_on_face(s.take(index))
    return through, mirrored
