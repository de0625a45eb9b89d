"""The average face, sculpted by hand: how far the skin stands out at each height and distance from the middle.

The numbers are a plausible adult's, after the averages in Farkas (1994), "Anthropometry of the head and face". All in
centimetres, in the head's coordinates (see ``head.py``). The nose stands on the face by itself, so that it can change
alone, and so do lips and eyeballs.
"""

import functools

import torch
from torch import Tensor

_ACROSS = (0.0, 0.7, 1.4, 2.2, 3.1, 4.0, 5.0, 6.0, 7.0)

#: Height, then how far the face, without its nose, stands out of the slices at each distance of ``_ACROSS``.
_FACE = (
    (9.5, 0.1, 0.07, 0.01, -0.08, -0.17, -0.25, -0.2, -0.05, 0.0),
    (8.0, 0.15, 0.12, 0.05, -0.06, -0.19, -0.33, -0.4, -0.25, 0.0),
    (6.5, 0.2, 0.17, 0.09, -0.04, -0.2, -0.38, -0.55, -0.5, -0.1),
    (5.0, 0.24, 0.2, 0.12, -0.02, -0.16, -0.38, -0.6, -0.6, -0.15),
    (3.5, 0.26, 0.24, 0.19, 0.15, 0.03, -0.2, -0.5, -0.6, -0.15),
    (2.5, 0.36, 0.36, 0.4, 0.41, 0.34, 0.14, -0.22, -0.5, -0.15),
    (1.75, 0.42, 0.44, 0.48, 0.52, 0.5, 0.38, 0.1, -0.35, -0.1),
    (1.1, 0.33, 0.35, 0.27, 0.32, 0.46, 0.43, 0.13, -0.35, -0.1),
    (0.5, 0.09, 0.0, -0.3, -0.2, 0.04, 0.16, -0.05, -0.35, -0.1),
    (-0.1, 0.05, -0.08, -0.38, -0.28, 0.0, 0.11, -0.08, -0.25, 0.0),
    (-0.8, 0.09, 0.0, -0.22, -0.22, 0.0, 0.25, 0.25, 0.1, 0.05),
    (-1.6, 0.13, 0.05, -0.13, -0.08, 0.23, 0.51, 0.62, 0.5, 0.1),
    (-2.5, 0.17, 0.14, 0.01, 0.07, 0.36, 0.62, 0.75, 0.6, 0.1),
    (-3.5, 0.27, 0.24, 0.12, 0.14, 0.34, 0.49, 0.55, 0.4, 0.1),
    (-4.4, 0.37, 0.39, 0.32, 0.19, 0.21, 0.19, 0.2, 0.2, 0.05),
    (-5.2, 0.57, 0.61, 0.54, 0.32, 0.16, 0.02, -0.05, 0.1, 0.0),
    (-6.0, 0.72, 0.72, 0.62, 0.37, 0.14, -0.11, -0.15, 0.1, 0.0),
    (-6.5, 0.68, 0.65, 0.54, 0.24, 0.05, -0.18, -0.15, 0.1, 0.0),
    (-7.2, 0.71, 0.69, 0.53, 0.25, 0.0, -0.25, -0.15, 0.1, 0.0),
    (-7.95, 0.53, 0.51, 0.43, 0.16, -0.06, -0.25, -0.1, 0.1, 0.0),
    (-8.8, 0.80, 0.77, 0.63, 0.32, 0.0, -0.2, 0.0, 0.0, 0.0),
    (-9.8, 1.36, 1.26, 0.93, 0.39, 0.0, -0.1, 0.0, 0.0, 0.0),
    (-10.6, 1.46, 1.32, 0.91, 0.32, 0.0, 0.0, 0.0, 0.0, 0.0),
    (-11.3, 0.98, 0.9, 0.58, 0.15, 0.0, 0.0, 0.0, 0.0, 0.0),
    (-12.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)

#: Height, how far the ridge of the nose stands out of that face, and half its width.
_NOSE = (
    (1.8, 0.02, 1.00),
    (1.1, 0.12, 0.90),
    (0.4, 0.34, 0.86),
    (-0.4, 0.68, 0.86),
    (-1.2, 1.00, 0.90),
    (-2.0, 1.32, 0.97),
    (-2.8, 1.58, 1.06),
    (-3.3, 1.72, 1.12),
    (-3.75, 1.76, 1.12),
    (-4.05, 1.68, 1.08),
    (-4.3, 1.46, 1.06),
    (-4.5, 1.10, 0.98),
    (-4.65, 0.72, 0.84),
    (-4.8, 0.36, 0.66),
    (-5.0, 0.1, 0.5),
    (-5.7, 0.0, 0.45),
)


@functools.cache
def _second_derivatives(knots: tuple[float, ...]) -> Tensor:
    """The matrix ``(K, K)`` from a natural cubic spline's values at its knots to its second derivatives there."""
    t = torch.tensor(knots, dtype=torch.float64)
    h, k = t.diff(), len(knots)
    left, right = torch.eye(k, dtype=torch.float64), torch.zeros(k, k, dtype=torch.float64)
    for i in range(1, k - 1):
        left[i, i - 1 : i + 2] = torch.stack((h[i - 1], 2 * (h[i - 1] + h[i]), h[i])) / 6
        right[i, i - 1 : i + 2] = torch.stack((1 / h[i - 1], -1 / h[i - 1] - 1 / h[i], 1 / h[i]))
    return torch.linalg.solve(left, right)


def spline(knots: tuple[float, ...], at: Tensor) -> Tensor:
    """A natural cubic spline as weights of its values at rising ``knots``; ``at`` ``(M,)`` is held to their range.

    Returns:
        float64 ``(M, K)``: multiply by the values.
    """
    t = torch.tensor(knots, dtype=torch.float64)
    at = at.double().clamp(t[0], t[-1])
    i = torch.searchsorted(t, at, right=True).clamp(1, len(knots) - 1)
    h = t[i] - t[i - 1]
    b = ((at - t[i - 1]) / h)[:, None]
    a, eye, curve = 1 - b, torch.eye(len(knots), dtype=torch.float64), _second_derivatives(knots)
    bend = (h * h)[:, None] / 6
    return a * eye[i - 1] + b * eye[i] + bend * ((a**3 - a) * curve[i - 1] + (b**3 - b) * curve[i])


def _rows(table: tuple[tuple[float, ...], ...], y: Tensor) -> Tensor:
    """A table's columns at heights ``y`` ``(M,)``: ``(M, C)``."""
    rising = tuple(reversed(table))
    values = torch.tensor([row[1:] for row in rising], dtype=torch.float64)
    return spline(tuple(row[0] for row in rising), y) @ values


def stands_out(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """How far, in centimetres along z ``(M,)``, the average face stands out of the head's smooth slices."""
    relief = (_rows(_FACE, y) * spline(_ACROSS, x.abs())).sum(1)
    relief = relief * _fade(y, -12.0, -11.4) * _fade(-y, -9.5, -8.7)
    front = ((z + 1) / 4).clamp(0, 1)
    return ((relief + _nose(x, y) + _lips(x, y) + _eyes(x, y)) * front).float()


def after_photos(x: Tensor, y: Tensor, z: Tensor) -> dict[int, Tensor]:
    """How far the average face moves across (0) and up (1) to have the mean proportions of faces in photos.

    Begun from the means of 68 landmarks that a predictor found on photos; then eyes, mouth and chin were moved by hand
    until the sizes between landmarks had about the means in Farkas (1994), see tests/drawpeople/test_faces.py.
    """
    front, side = ((z + 1) / 4).clamp(0, 1), torch.tanh(x / 0.6)
    eyes = -0.06 * _bump(x, y, 3.1, 0.1, 2.4, 1.8)
    up = 0.04 * _bump(x, y, 0.0, -4.2, 2.0, 1.6)
    mouth = -0.2 * _bump(x, y, 0.0, -6.5, 3.4, 1.3)
    chin = 0.5 * _fade(-y, 7.2, 11.0)
    return {0: side * eyes * front, 1: (up + mouth + chin) * front}


def _fade(y: Tensor, low: float, high: float) -> Tensor:
    return ((y - low) / (high - low)).clamp(0, 1)


def _bump(x: Tensor, y: Tensor, at_x: float, at_y: float, wide: float, high: float) -> Tensor:
    return torch.exp(-(((x.abs() - at_x) / wide) ** 2) - ((y - at_y) / high) ** 2)


def _nose(x: Tensor, y: Tensor) -> Tensor:
    height, half = _rows(_NOSE, y).unbind(1)
    ridge = height.clamp(min=0) * torch.exp(-((x / half.clamp(min=0.3)).abs() ** 2.2))
    ridge = ridge + 0.16 * _bump(x, y, 0.0, -3.75, 1.0, 0.65)  # the tip, a ball
    out = (((x.abs() - 1.13) / 0.68) ** 2 + ((y + 4.15) / 0.55) ** 2).sqrt()
    wings = 0.85 * torch.exp(-(out**3)) * (1 - 0.25 * torch.tanh(-(y + 4.05) / 0.3))  # lobes with an edge
    crease = 0.11 * torch.exp(-(((out - 1.35) / 0.35) ** 2)) * ((x.abs() - 0.9) / 0.5).clamp(0, 1)
    nostril = 0.36 * _bump(x, y, 0.68, -4.54, 0.32, 0.2)
    larger = (ridge + wings + ((ridge - wings) ** 2 + 0.06).sqrt() - 0.06**0.5) / 2  # of the two, softly
    return larger - crease - nostril


def _lips(x: Tensor, y: Tensor) -> Tensor:
    u, v = (x.abs() / 2.55).clamp(max=1), (x.abs() / 2.3).clamp(max=1)
    bow = 1 - 0.3 * torch.exp(-((x / 0.32) ** 2)) + 0.1 * _bump(x, y, 0.75, -6.0, 0.5, 1.0)
    upper = 0.36 * bow * (1 - u * u) ** 0.6 * torch.exp(-(((y + 6.1) / 0.4) ** 2))
    lower = 0.52 * (1 - v * v) ** 0.6 * torch.exp(-(((y + 7.0) / 0.5) ** 2))
    seam = 0.26 * torch.exp(-(((y + 6.5) / 0.16) ** 2)) * torch.exp(-((x / 2.4) ** 6))
    philtrum = 0.12 * _bump(x, y, 0.0, -5.4, 0.26, 0.5) - 0.06 * _bump(x, y, 0.5, -5.4, 0.24, 0.5)  # and its columns
    corner = 0.2 * _bump(x, y, 2.75, -6.55, 0.5, 0.6)
    return upper + lower - seam - philtrum - corner


def _eyes(x: Tensor, y: Tensor) -> Tensor:
    ball = 0.62 * _bump(x, y, 3.1, -0.05, 1.25, 0.8)
    lid = 0.10 * _bump(x, y, 3.2, 0.75, 1.6, 0.3)
    corner = 0.18 * _bump(x, y, 1.62, 0.0, 0.35, 0.5)
    bag = 0.1 * _bump(x, y, 3.0, -1.05, 1.2, 0.3)
    return ball + lid - corner - bag
