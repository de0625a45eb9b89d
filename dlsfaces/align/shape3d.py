"""The mean face in space: where the 68 fiducials lie, what is carried along with them, and the triangles between them.

Centimetres in the head's coordinates: the origin between the eyes, x to the viewer's right, y up, z to the viewer. Left
and right are exact mirror images of each other.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from dlsfaces.align.squares import mirrored_order

FIDUCIALS = 68  #: vertices that are landmarks, in 300-W's order; the anchors follow
_SIDE = 13  # anchors of the left side, then as many of the right, then those in the middle
_REACH = 2.0  # cm over which fiducials speak for their neighbours

# The means of 1,000 synthetic people with neutral faces and of their mirror images. Anchors of a side: temple (3),
# above the brow (2), forehead, cheekbone, beside the nose, cheek, jaw (4, on the outline from the front). Of the
# middle: forehead (2), its top, chin.
# fmt: off
_VERTICES = (
    (-7.00, -0.10, 0.90), (-6.70, -2.11, 1.95), (-6.13, -4.12, 3.07), (-5.51, -6.12, 4.07), (-4.79, -7.87, 5.03),
    (-3.72, -9.26, 6.07), (-2.40, -10.36, 7.10), (-1.21, -11.11, 7.69), (0.00, -11.39, 7.51), (1.21, -11.11, 7.69),
    (2.40, -10.36, 7.10), (3.72, -9.26, 6.07), (4.79, -7.87, 5.03), (5.51, -6.12, 4.07), (6.13, -4.12, 3.07),
    (6.70, -2.11, 1.95), (7.00, -0.10, 0.90), (-5.01, 1.84, 6.34), (-4.13, 1.93, 7.41), (-3.27, 1.91, 8.08),
    (-2.40, 1.80, 8.44), (-1.50, 1.59, 8.53), (1.50, 1.59, 8.53), (2.40, 1.80, 8.44), (3.27, 1.91, 8.08),
    (4.13, 1.93, 7.41), (5.01, 1.84, 6.34), (0.00, 0.39, 8.30), (0.00, -1.00, 8.78), (0.00, -2.36, 9.57),
    (0.00, -3.69, 10.63), (-1.38, -4.37, 9.22), (-0.70, -4.50, 9.02), (0.00, -4.56, 9.20), (0.70, -4.50, 9.02),
    (1.38, -4.37, 9.22), (-4.89, 0.13, 6.22), (-3.81, 0.51, 7.63), (-2.58, 0.45, 7.94), (-1.46, -0.18, 7.50),
    (-2.58, -0.40, 7.78), (-3.82, -0.34, 7.53), (1.46, -0.18, 7.50), (2.58, 0.45, 7.94), (3.81, 0.51, 7.63),
    (4.89, 0.13, 6.22), (3.82, -0.34, 7.53), (2.58, -0.40, 7.78), (-2.98, -6.41, 7.52), (-1.83, -6.02, 8.80),
    (-0.75, -5.76, 9.13), (0.00, -5.91, 9.14), (0.75, -5.76, 9.13), (1.83, -6.02, 8.80), (2.98, -6.41, 7.52),
    (1.82, -7.18, 8.65), (0.81, -7.34, 9.07), (0.00, -7.37, 9.11), (-0.81, -7.34, 9.07), (-1.82, -7.18, 8.65),
    (-2.56, -6.40, 7.95), (-0.87, -6.45, 9.17), (0.00, -6.45, 9.21), (0.87, -6.45, 9.17), (2.56, -6.40, 7.95),
    (0.87, -6.54, 9.16), (0.00, -6.54, 9.23), (-0.87, -6.54, 9.16), (-7.22, 3.00, 0.23), (-6.94, 5.79, -0.01),
    (-6.14, 8.39, -0.51), (-4.14, 3.90, 6.89), (-6.35, 4.30, 3.67), (-3.51, 7.19, 6.36), (-4.73, -2.61, 6.95),
    (-2.26, -2.79, 7.85), (-4.81, -5.61, 5.85), (-5.58, -6.63, 2.75), (-4.92, -8.33, 3.43), (-3.74, -10.03, 4.23),
    (-2.40, -11.19, 5.08), (7.22, 3.00, 0.23), (6.94, 5.79, -0.01), (6.14, 8.39, -0.51), (4.14, 3.90, 6.89),
    (6.35, 4.30, 3.67), (3.51, 7.19, 6.36), (4.73, -2.61, 6.95), (2.26, -2.79, 7.85), (4.81, -5.61, 5.85),
    (5.58, -6.63, 2.75), (4.92, -8.33, 3.43), (3.74, -10.03, 4.23), (2.40, -11.19, 5.08), (0.00, 3.60, 8.73),
    (0.00, 6.99, 7.85), (0.00, 9.99, 5.17), (0.00, -11.78, 5.38),
)

# Delaunay's triangles of the left half as seen from the front, the mouth a little open so that its inside is covered;
# counter-clockwise. Half a face, since the triangulation of a whole one need not be its own mirror image.
_LEFT_TRIANGLES = (
    (0, 1, 36), (0, 17, 68), (0, 36, 17), (1, 2, 74), (1, 74, 36), (1, 77, 2), (2, 3, 76), (2, 76, 74), (2, 77, 3),
    (3, 77, 76), (4, 5, 48), (4, 48, 76), (4, 76, 77), (4, 77, 78), (4, 78, 5), (5, 6, 59), (5, 59, 48),
    (5, 78, 79), (5, 79, 6), (6, 7, 58), (6, 58, 59), (6, 79, 80), (6, 80, 7), (7, 8, 57), (7, 57, 58),
    (7, 80, 97), (7, 97, 8), (17, 18, 71), (17, 36, 37), (17, 37, 18), (17, 71, 72), (17, 72, 68), (18, 19, 71),
    (18, 37, 19), (19, 20, 71), (19, 37, 38), (19, 38, 20), (20, 21, 94), (20, 38, 21), (20, 94, 71), (21, 27, 94),
    (21, 38, 39), (21, 39, 27), (27, 39, 28), (28, 39, 75), (28, 75, 29), (29, 75, 30), (30, 31, 32), (30, 32, 33),
    (30, 75, 31), (31, 48, 49), (31, 49, 50), (31, 50, 32), (31, 75, 76), (31, 76, 48), (32, 50, 33), (33, 50, 51),
    (36, 41, 37), (36, 74, 41), (37, 41, 38), (38, 40, 39), (38, 41, 40), (39, 40, 75), (40, 41, 75), (41, 74, 75),
    (48, 59, 60), (48, 60, 49), (49, 59, 67), (49, 60, 59), (49, 61, 50), (49, 67, 61), (50, 61, 51), (51, 61, 62),
    (57, 66, 58), (58, 66, 67), (58, 67, 59), (61, 67, 62), (62, 67, 66), (68, 72, 69), (69, 71, 73), (69, 72, 71),
    (69, 73, 70), (70, 73, 96), (71, 94, 73), (73, 94, 95), (73, 95, 96), (74, 76, 75),
)
# fmt: on


@functools.cache
def mean_shape() -> Tensor:
    """The mean face: float32 ``(98, 3)`` cm, the 68 fiducials and then 30 anchors on forehead, cheeks and jaw.

    It stands for the mean of the USF 3-D scans (Taigman et al. 2014, "DeepFace", section 2.1). The anchors "on the
    contour" of the paper's figure 1c carry along what no fiducial holds.
    """
    return torch.tensor(_VERTICES)


@functools.cache
def mirrored_vertices() -> Tensor:
    """Which vertex each one is in a mirror: int64 ``(98,)``."""
    left = torch.arange(FIDUCIALS, FIDUCIALS + _SIDE)
    middle = torch.arange(FIDUCIALS + 2 * _SIDE, len(_VERTICES))
    return torch.cat((mirrored_order(FIDUCIALS), left + _SIDE, left, middle))


@functools.cache
def triangles() -> Tensor:
    """Corners of the triangles, counter-clockwise as seen from the front: int64 ``(174, 3)``.

    They cover the face without overlaps. Triangle ``t`` of the first half (the viewer's left) has its mirror image in
    ``t + 87``, corner for corner save for the order.
    """
    left = torch.tensor(_LEFT_TRIANGLES)
    return torch.cat((left, mirrored_vertices()[left].flip(1)))


@functools.cache
def normals() -> Tensor:
    """The triangles' normals, outwards: ``(174, 3)``, as long as the triangles are large (cm^2)."""
    a, b, c = mean_shape()[triangles()].unbind(1)
    return torch.linalg.cross(b - a, c - a) / 2


def carried(moves: Tensor, known: Tensor) -> Tensor:
    """How all vertices move when some fiducials do: these as they do, the others like the known ones around them.

    Args:
        moves: ``(N, 68, 2)``, in any units; unknown ones are not looked at.
        known: bool ``(N, 68)``, at least one a face.
    Returns:
        ``(N, 98, 2)``.
    """
    shape = mean_shape().to(moves)
    nearness = -0.5 * (torch.cdist(shape, shape[:FIDUCIALS]) / _REACH) ** 2
    share = nearness.masked_fill(~known[:, None], -torch.inf).softmax(-1)
    moves = torch.where(known[..., None], moves, 0.0)
    around = share @ moves
    return torch.cat((torch.where(known[..., None], moves, around[:, :FIDUCIALS]), around[:, FIDUCIALS:]), dim=1)
