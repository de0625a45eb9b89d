"""The mean face in 3-D: the 68 fiducials, anchors around them, and the triangles between them.

Centimetres; the origin between the eyes, x to the viewer's right, y up, z towards the viewer; exactly symmetric.
"""

import functools
import json
from pathlib import Path

import torch
from torch import Tensor

from dlsfaces.align.squares import mirrored_order

FIDUCIALS = 68  #: vertices that are landmarks, in 300-W's order; the anchors follow
_SIDE = 13  # anchors of the left side, then as many of the right, then those in the middle
_REACH = 2.0  # cm over which fiducials move their neighbours


@functools.cache
def _table() -> dict[str, list]:
    return json.loads(Path(__file__).with_name("mean_shape.json").read_text(encoding="utf-8"))


@functools.cache
def mean_shape() -> Tensor:
    """The mean of 1,000 built-in people with neutral faces, made symmetric: float32 ``(98, 3)`` cm.

    It stands for the mean of the USF scans (Taigman et al. 2014, section 2.1). The 30 anchors lie where no fiducial
    does (figure 1c).
    """
    return torch.tensor(_table()["vertices"])


@functools.cache
def mirrored_vertices() -> Tensor:
    """Which vertex each one is in a mirror: int64 ``(98,)``."""
    left = torch.arange(FIDUCIALS, FIDUCIALS + _SIDE)
    middle = torch.arange(FIDUCIALS + 2 * _SIDE, len(mean_shape()))
    return torch.cat((mirrored_order(FIDUCIALS), left + _SIDE, left, middle))


@functools.cache
def triangles() -> Tensor:
    """Corners of the triangles, counter-clockwise as seen from the front: int64 ``(174, 3)``, without overlaps."""
    left = torch.tensor(_table()["left_triangles"])  # a Delaunay triangulation; t + 87 is the mirror image of t
    return torch.cat((left, mirrored_vertices()[left].flip(1)))


def carried(moves: Tensor) -> Tensor:
    """How all vertices ``(N, 98, 2)`` move when the fiducials move by ``(N, 68, 2)``: the anchors like those nearby."""
    shape = mean_shape().to(moves)
    nearness = -0.5 * (torch.cdist(shape[FIDUCIALS:], shape[:FIDUCIALS]) / _REACH) ** 2
    return torch.cat((moves, nearness.softmax(-1) @ moves), dim=1)
