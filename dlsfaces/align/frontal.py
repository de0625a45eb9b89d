"""Frontalisation: the face turned to the front by a camera fitted to a mean face in space.

Taigman, Yang, Ranzato, Wolf 2014, "DeepFace: Closing the Gap to Human-Level Performance in Face Verification", section
2.1: an affine camera by generalised least squares, what it leaves unexplained given back to the face, and a piecewise
affine warp to the front; what the photo does not show is taken from the other half of the face.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.align.cameras import fit_camera, refuse, view_of
from dlsfaces.align.shape3d import FIDUCIALS, carried, mean_shape, mirrored_vertices, normals, triangles
from dlsfaces.geometry import five_of

#: Centimetres of the mean face that the frontal view shows at least, across and down: ear to ear, forehead to chin.
SHOWN = (14.5, 17.5)
_MIDDLE = -3.75  # y of what is in the middle of the view
_HIDDEN, _PLAIN = 0.2, 0.7  # share of its frontal area that a triangle has in the photo: unseen up to, seen from
_SEAM = 0.5  # cm on either side over which what is seen goes over into what is not
_AT_ONCE = 20_000  # pixels compared with all triangles: bounds the memory
_ON_EDGE = 0.01  # share of a triangle by which a pixel may lie outside: rounding must not tear the mesh


class Frontal(NamedTuple):
    """Faces from the front, and how they came there."""

    images: Tensor  # float32 in [0, 1] (N, 3, h, w); black outside of the face
    visible: Tensor  # float32 in [0, 1] (N, h, w): how plainly the photo shows what this pixel shows
    camera: Tensor  # (N, 2, 4) from the mean face (x, y, z, 1), cm, to the photo's pixels
    residuals: Tensor  # (N, 68, 2) pixels: the points minus the mean face's in that camera; NaN where not known


def frontal_scale(size: tuple[int, int]) -> float:
    """Pixels a centimetre in a frontal view of ``size`` (height, width): the most at which ``SHOWN`` is shown."""
    return min(size[1] / SHOWN[0], size[0] / SHOWN[1])


def frontal_pixels(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Where points of the face ``(..., 2)`` or ``(..., 3)``, cm, lie in its frontal view: ``(..., 2)`` pixels."""
    x, y = points[..., 0], points[..., 1]
    scale = frontal_scale(size)
    return torch.stack((size[1] / 2 + scale * x, size[0] / 2 - scale * (y - _MIDDLE)), dim=-1)


def frontal_landmarks(size: tuple[int, int]) -> Tensor:
    """Where the mean face's five landmarks lie in the frontal view of ``size`` (height, width): ``(5, 2)`` pixels."""
    return frontal_pixels(five_of(mean_shape()[:FIDUCIALS]), size)


def frontalise(
    images: Tensor,
    points: Tensor,
    size: tuple[int, int] = (112, 112),
    covariance: Tensor | None = None,
    symmetry: bool = True,
) -> Frontal:
    """Faces turned to the front (section 2.1, "Frontalization").

    A camera is fitted to the fiducials. What it leaves unexplained, the residuals, is the person's own shape (and
    expression, and perspective): it is added to the mean face, or else all faces would be warped to one shape. A
    residual of ``r`` pixels says of the shape only that it moved by some ``d`` cm with ``A d = r``, ``A`` the
    camera's 2 x 3 part; the least such move, ``A^T (A A^T)^-1 r``, is taken, and its x and y are added. From the front
    that is ``r`` in centimetres; of a profile the part along the line of sight changes depth, not the frontal view.

    Args:
        images: uint8, or float in [0, 1], ``(N, 3, H, W)`` photos or crops.
        points: ``(N, 68, 2)`` pixels in 300-W's order; NaN where a point is not known.
        size: ``(height, width)`` of the frontal views; see :func:`frontal_landmarks`.
        covariance: see :func:`fit_camera`.
        symmetry: whether what the photo hides is filled in from the other half of the face.
    Raises:
        ValueError: as :func:`fit_camera`; images that are not one a face; points that show the face from behind; a
            size that is not positive.
    """
    if images.dim() != 4 or images.shape[1] != 3 or len(images) != len(points):
        raise ValueError(f"images {tuple(images.shape)} for {len(points)} faces; give each its own (N, 3, H, W)")
    if min(size) < 1:
        raise ValueError(f"size={size} is (height, width) in pixels, both positive")
    if len(images) == 0:
        return _nobody(points, size)
    points = points.to(images.device)
    camera = fit_camera(points, covariance)
    refuse(view_of(camera)[:, 2] <= 0, "seen from behind", "are left and right exchanged (a flip has to)?")
    shape = mean_shape().to(points)
    projected = shape @ camera[..., :3].mT + camera[:, None, :, 3]
    residuals = points - projected[:, :FIDUCIALS]
    moves = carried(residuals, ~residuals.isnan().any(-1))
    own_shape = shape[:, :2] + _in_space(camera, moves)[..., :2]
    spots = _located(frontal_pixels(own_shape, size).float(), size)
    sides = _sides(images, spots, (projected + moves).float())
    seen = _seen(spots, camera.float(), sides, frontal_scale(size))
    own = 1 - (1 - seen[:, 0]) * seen[:, 1] if symmetry else torch.ones_like(seen[:, 0])
    shown = own[:, None] * sides.images[:, 0] + (1 - own)[:, None] * sides.images[:, 1]
    return Frontal(shown * (spots.triangle >= 0)[:, None], seen[:, 0], camera, residuals)


def _nobody(points: Tensor, size: tuple[int, int]) -> Frontal:
    views = points.new_zeros(0, *size, dtype=torch.float32)
    return Frontal(views[:, None].expand(-1, 3, -1, -1), views, points.new_zeros(0, 2, 4), points.new_zeros(0, 68, 2))


def _in_space(camera: Tensor, moves: Tensor) -> Tensor:
    """The least moves in space ``(N, V, 3)`` cm that look like these ``(N, V, 2)`` pixels."""
    linear = camera[..., :3]
    return moves @ torch.linalg.inv(linear @ linear.mT) @ linear


class _Spots(NamedTuple):
    """Where the pixels of frontal views lie on the mesh."""

    triangle: Tensor  # (N, h, w), -1 outside
    share: Tensor  # (N, h, w, 3) barycentric coordinates


def _located(target: Tensor, size: tuple[int, int]) -> _Spots:
    """Where the pixels of views lie on meshes with vertices ``(N, V, 2)``; in parts, as all by all is large."""
    y, x = (torch.arange(n, device=target.device) + 0.5 for n in size)
    y, x = torch.meshgrid(y, x, indexing="ij")
    places = torch.stack((x, y, torch.ones_like(x))).flatten(1).split(_AT_ONCE, dim=1)
    parts = [_barycentric(face, some) for face in target[:, triangles().to(target.device)] for some in places]
    triangle, share = (torch.cat(part, dim=-1) for part in zip(*parts))
    return _Spots(triangle.view(-1, *size), share.T.reshape(-1, *size, 3))


def _barycentric(corners: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """In which triangle of ``(T, 3, 2)`` each place ``(3, P)`` lies, homogeneous, or -1, and where ``(3, P)``."""
    after, before = corners.roll(-1, 1), corners.roll(-2, 1)
    constant = after[..., 0] * before[..., 1] - after[..., 1] * before[..., 0]
    area = constant.sum(1)[:, None, None]
    lines = torch.stack((after[..., 1] - before[..., 1], before[..., 0] - after[..., 0], constant), dim=-1)
    # a triangle without area, such as within a shut mouth, holds no pixel
    lines = torch.where(area.abs() > 1e-2, lines / area, lines.new_tensor([0.0, 0.0, -1.0]))
    share = (lines.view(-1, 3) @ places).view(len(corners), 3, -1)
    inside, triangle = share.amin(1).max(0)
    chosen = share[triangle, :, torch.arange(share.shape[2], device=share.device)].T
    return torch.where(inside >= -_ON_EDGE, triangle, -1), chosen


class _Sides(NamedTuple):
    """What frontal views look like by their own side of the photo's face (first) and by the mirrored one (second)."""

    images: Tensor  # (N, 2, 3, h, w)
    in_photo: Tensor  # bool (N, 2, h, w)


def _sides(images: Tensor, spots: _Spots, source: Tensor) -> _Sides:
    """Samples photos at vertices ``(N, V, 2)`` as the spots lie between them, and between their mirror images."""
    n, h, w = spots.triangle.shape
    corners = triangles().to(source.device)[spots.triangle.clamp(min=0)]
    corners = torch.stack((corners, mirrored_vertices().to(source.device)[corners]), dim=1).view(n, -1, 1)
    at = source.gather(1, corners.expand(-1, -1, 2)).view(n, 2, h, w, 3, 2)
    at = (spots.share[:, None, ..., None] * at).sum(-2)
    extent = at.new_tensor([images.shape[3], images.shape[2]])
    images = images.float() / 255 if images.dtype == torch.uint8 else images.float()
    shown = F.grid_sample(images, (2 * at / extent - 1).view(n, 2 * h, w, 2), "bilinear", "zeros", align_corners=False)
    in_photo = ((at >= 0) & (at <= extent)).all(-1)
    return _Sides(shown.view(n, 3, 2, h, w).transpose(1, 2), in_photo)


def _seen(spots: _Spots, camera: Tensor, sides: _Sides, scale: float) -> Tensor:
    """How plainly the photo shows each pixel's own side, and its mirrored one: ``(N, 2, h, w)`` in [0, 1].

    A triangle counts by its area in the photo as a share of that in the frontal view: negative where it faces away.
    """
    normal = normals().to(camera)
    area = view_of(camera) @ normal.T / normal[:, 2]
    plain = ((area - _HIDDEN) / (_PLAIN - _HIDDEN)).clamp(0, 1)
    both = torch.stack((plain, plain.roll(len(normal) // 2, 1)), dim=1)
    inside = (spots.triangle >= 0)[:, None]
    at = spots.triangle.clamp(min=0).flatten(1)[:, None].expand(-1, 2, -1)
    seen = both.gather(2, at).view(-1, 2, *spots.triangle.shape[1:]) * inside
    return _softened(seen, inside.float(), round(scale * _SEAM)) * inside * sides.in_photo


def _softened(values: Tensor, weights: Tensor, reach: int) -> Tensor:
    """Means of ``values`` over squares that reach so many pixels to each side, by weight, twice: no edges are left."""
    for _ in range(2):
        total = F.avg_pool2d(weights, 2 * reach + 1, 1, reach).clamp(min=1e-6)
        values = F.avg_pool2d(values * weights, 2 * reach + 1, 1, reach) / total
    return values
