"""Frontal views: a face turned to the front by a camera fitted to a mean face in 3-D (Taigman et al. 2014, "DeepFace",
section 2.1). What the photo hides is taken from the other half of the face.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.align.cameras import fit_camera, refuse, view_of
from dlsfaces.align.shape3d import FIDUCIALS, carried, mean_shape, mirrored_vertices, triangles
from dlsfaces.geometry import five_of, to_float

SHOWN = (14.5, 17.5)  #: cm of the mean face that the view shows at least, across and down: ears, forehead, chin
_MIDDLE = -3.75  # y of what is in the middle of the view, cm
_HIDDEN, _PLAIN = 0.2, 0.7  # share of its frontal area that a triangle has in the photo: unseen up to, seen from
_SEAM = 0.5  # cm to either side over which what is seen fades into what is filled in
_ON_EDGE = 0.01  # share of a triangle by which a pixel may lie outside: rounding must not leave cracks


class Frontal(NamedTuple):
    """Faces from the front, and how they came there."""

    images: Tensor  # float32 in [0, 1] (N, 3, h, w); black outside of the face
    visible: Tensor  # float32 in [0, 1] (N, h, w): how plainly the photo shows what this pixel shows
    camera: Tensor  # (N, 2, 4) from the mean face (x, y, z, 1), cm, to the photo's pixels


def frontal_scale(size: tuple[int, int]) -> float:
    """Pixels a centimetre in a frontal view of ``size`` (height, width)."""
    return min(size[1] / SHOWN[0], size[0] / SHOWN[1])


def frontal_pixels(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Where points of the face ``(..., 3)``, cm, lie in its frontal view: ``(..., 2)`` pixels."""
    x, y = points[..., 0], points[..., 1]
    scale = frontal_scale(size)
    return torch.stack((size[1] / 2 + scale * x, size[0] / 2 - scale * (y - _MIDDLE)), dim=-1)


def frontal_landmarks(size: tuple[int, int]) -> Tensor:
    """Where the mean face's five landmarks lie in the frontal view of ``size`` (height, width): ``(5, 2)`` pixels."""
    return frontal_pixels(five_of(mean_shape()[:FIDUCIALS]), size)


def frontalise(
    images: Tensor, points: Tensor, size: tuple[int, int] = (112, 112), covariance: Tensor | None = None
) -> Frontal:
    """Faces turned to the front (section 2.1, "Frontalization").

    Images are ``(N, 3, H, W)``, uint8 or float in [0, 1], one a face; ``size`` is (height, width) of the views. For
    points and covariance see :func:`fit_camera`. Points that show a face from behind are a ``ValueError``.
    """
    if images.dim() != 4 or images.shape[1] != 3 or len(images) != len(points):
        raise ValueError(f"images {tuple(images.shape)} for {len(points)} faces; give each its own (N, 3, H, W)")
    points = points.to(images.device)
    camera = fit_camera(points, covariance)
    refuse(view_of(camera)[:, 2] <= 0, "seen from behind", "are left and right exchanged (a flip has to)?")
    shape, linear = mean_shape().to(points), camera[..., :3]
    projected = shape @ linear.mT + camera[:, None, :, 3]
    # The residuals r are the person's own shape and expression: without them all faces would get one shape. They may be
    # any move d, cm, with A d = r, A the camera's 2 x 3 part; the least one is taken, A^T (A A^T)^-1 r.
    moves = carried(points - projected[:, :FIDUCIALS])
    own_shape = shape + moves @ torch.linalg.inv(linear @ linear.mT) @ linear
    triangle, share = _located(frontal_pixels(own_shape, size).float(), size)
    sides, in_photo = _sampled(images, (projected + moves).float(), triangle, share)
    seen = _seen(camera.float(), triangle, round(frontal_scale(size) * _SEAM)) * in_photo
    own = 1 - (1 - seen[:, 0]) * seen[:, 1]  # the other side only where it is seen and this one is not
    shown = own[:, None] * sides[:, 0] + (1 - own)[:, None] * sides[:, 1]
    return Frontal(shown * (triangle >= 0)[:, None], seen[:, 0], camera)


def _located(target: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Triangles ``(N, h, w)`` of meshes ``(N, V, 2)`` in which pixels lie, -1 outside, and barycentric coordinates."""
    y, x = torch.meshgrid(*(torch.arange(n, device=target.device) + 0.5 for n in size), indexing="ij")
    places = torch.stack((x, y, torch.ones_like(x))).flatten(1)
    triangle = torch.zeros(len(target), x.numel(), dtype=torch.int64, device=target.device)
    share = places.new_zeros(len(target), x.numel(), 3)
    for k, corners in enumerate(target[:, triangles().to(target.device)]):  # one by one, as all by all is large
        after, before = corners.roll(-1, 1), corners.roll(-2, 1)
        constant = after[..., 0] * before[..., 1] - after[..., 1] * before[..., 0]
        area = constant.sum(1)[:, None, None]
        lines = torch.stack((after[..., 1] - before[..., 1], before[..., 0] - after[..., 0], constant), dim=-1)
        # a triangle without area, such as within a shut mouth, holds no pixel
        lines = torch.where(area.abs() > 1e-2, lines / area, lines.new_tensor([0.0, 0.0, -1.0]))
        shares = (lines.view(-1, 3) @ places).view(len(corners), 3, -1)
        inside, best = shares.amin(1).max(0)
        triangle[k] = torch.where(inside >= -_ON_EDGE, best, -1)
        share[k] = shares[best, :, torch.arange(len(best), device=best.device)]
    return triangle.view(-1, *size), share.view(-1, *size, 3)


def _sampled(images: Tensor, source: Tensor, triangle: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Photos, with vertices at ``(N, V, 2)``, as views ``(N, 2, 3, h, w)``, and which pixels lie in the photo."""
    n, h, w = triangle.shape  # below, each pixel twice: by its own side of the face, and by the mirrored one
    corners = triangles().to(source.device)[triangle.clamp(min=0)]
    corners = torch.stack((corners, mirrored_vertices().to(source.device)[corners]), dim=1)
    at = source.gather(1, corners.flatten(1)[..., None].expand(-1, -1, 2)).view(n, 2, h, w, 3, 2)
    at = (share[:, None, ..., None] * at).sum(-2)
    extent = at.new_tensor([images.shape[3], images.shape[2]])
    grid = (2 * at / extent - 1).view(n, 2 * h, w, 2)
    shown = F.grid_sample(to_float(images), grid, "bilinear", "zeros", align_corners=False)
    return shown.view(n, 3, 2, h, w).transpose(1, 2), ((at >= 0) & (at <= extent)).all(-1)


def _seen(camera: Tensor, triangle: Tensor, reach: int) -> Tensor:
    """How plainly cameras show each pixel's own side, and its mirrored one: ``(N, 2, h, w)`` in [0, 1]."""
    a, b, c = mean_shape().to(camera)[triangles().to(camera.device)].unbind(1)
    normal = torch.linalg.cross(b - a, c - a)
    # a triangle's area in the photo as a share of that in the frontal view: negative where it faces away
    plain = ((view_of(camera) @ normal.T / normal[:, 2] - _HIDDEN) / (_PLAIN - _HIDDEN)).clamp(0, 1)
    both = torch.stack((plain, plain.roll(len(normal) // 2, 1)), dim=1)
    at = triangle.clamp(min=0).flatten(1)[:, None].expand(-1, 2, -1)
    seen, inside = both.gather(2, at).view(-1, 2, *triangle.shape[1:]), (triangle >= 0)[:, None].float()
    for _ in range(2):  # means over squares, which leave no edges
        total = F.avg_pool2d(inside, 2 * reach + 1, 1, reach).clamp(min=1e-6)
        seen = F.avg_pool2d(seen * inside, 2 * reach + 1, 1, reach) / total
    return seen * inside
