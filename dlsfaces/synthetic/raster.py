"""Which triangle does each pixel see? A z-buffer over all triangles of a batch at once, and interpolation.

Small triangles, in the thousands, are cut into horizontal spans of pixels; the spans are expanded into pixels, and one
``scatter_reduce`` keeps the nearest. No loop over triangles or pictures, and every number depends on its own picture
alone, so a picture has the same bits in any batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

_EMPTY = 2**62


def _expand(counts: Tensor) -> tuple[Tensor, Tensor]:
    """For counts ``(2, 3)``: owners ``(0, 0, 1, 1, 1)`` and steps ``(0, 1, 0, 1, 2)``."""
    owner = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    start = counts.cumsum(0) - counts
    return owner, torch.arange(len(owner), device=counts.device) - start[owner]


def _edges(corners: Tensor) -> Tensor:
    """The three edges of triangles ``(K, 3, 3)`` as half-planes ``a x + b y + c >= 0``: ``(K, 3, 3)``."""
    start, end = corners, corners.roll(-1, dims=1)
    a, b = start[..., 1] - end[..., 1], end[..., 0] - start[..., 0]
    return torch.stack((a, b, -(a * start[..., 0] + b * start[..., 1])), dim=-1)


def _depth_planes(corners: Tensor, area: Tensor) -> Tensor:
    """Depth as a function of the pixel, ``p x + q y + r``: ``(K, 3)``."""
    (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = (c.unbind(1) for c in corners.unbind(1))
    p = ((z1 - z0) * (y2 - y0) - (z2 - z0) * (y1 - y0)) / area
    q = ((z2 - z0) * (x1 - x0) - (z1 - z0) * (x2 - x0)) / area
    return torch.stack((p, q, z0 - p * x0 - q * y0), dim=1)


def rasterize(points: Tensor, triangles: Tensor, size: tuple[int, int]) -> Tensor:
    """The nearest triangle of every pixel.

    Args:
        points: float32 ``(N, V, 3)``: x and y in pixels, and a depth that is smaller nearer to the viewer.
        triangles: int64 ``(T, 3)`` corners; one that turns its back (counter-clockwise on the screen, whose y axis
            points down) is not seen.
        size: ``(height, width)``.
    Returns:
        int64 ``(N, height * width)``: the triangle, or -1.
    """
    height, width = size
    n, device = len(points), points.device
    x, y = (points[..., k][:, triangles] for k in (0, 1))  # (N, T, 3)
    area = (x[..., 1] - x[..., 0]) * (y[..., 2] - y[..., 0]) - (x[..., 2] - x[..., 0]) * (y[..., 1] - y[..., 0])
    first = (y.amin(-1) - 0.5).ceil().clamp(min=0)
    last = (y.amax(-1) - 0.5).floor().clamp(max=height - 1)
    seen = (area > 1e-6) & (last >= first) & (x.amax(-1) > 0) & (x.amin(-1) < width)
    picture, triangle = seen.nonzero(as_tuple=True)
    corners = points[picture[:, None], triangles[triangle]]  # (K, 3, 3)
    edges, depth = _edges(corners), _depth_planes(corners, area[seen])

    owner, step = _expand((last - first)[seen].long() + 1)  # a span a triangle and row
    row = first[seen].long()[owner] + step
    left, right = _span(edges[owner], row + 0.5)
    left, right = (left - 0.5).ceil().clamp(0, width).long(), (right - 0.5).floor().clamp(-1, width - 1).long()

    span, step = _expand((right - left + 1).clamp(min=0))  # a candidate a pixel
    owner, row, column = owner[span], row[span], left[span] + step
    p, q, r = depth[owner].unbind(1)
    z = p * (column + 0.5) + q * (row + 0.5) + r
    order = ((z * 2.0**16).long() << 24) + triangle[owner]  # the triangle's number breaks ties
    target = (picture[owner] * height + row) * width + column
    nearest = torch.full((n * height * width,), _EMPTY, dtype=torch.int64, device=device)
    nearest.scatter_reduce_(0, target, order, "amin")
    return torch.where(nearest == _EMPTY, -1, nearest & (2**24 - 1)).view(n, -1)


def _span(edges: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Where the line at height ``y`` ``(S,)`` runs inside the edges ``(S, 3, 3)``: its left and right end."""
    left, right = torch.full_like(y, -1e6), torch.full_like(y, 1e6)
    for edge in edges.unbind(1):
        a, b, c = edge.unbind(1)
        crossing = (-(b * y + c) / torch.where(a == 0, 1e-12, a)).clamp(-1e6, 1e6)
        left = torch.where(a > 0, torch.maximum(left, crossing), left)
        right = torch.where(a < 0, torch.minimum(right, crossing), right)
    return left, right


def interpolate(points: Tensor, values: Tensor, triangles: Tensor, seen: Tensor, size: tuple[int, int]) -> Tensor:
    """Vertex values at the pixels, linear on the screen.

    Args:
        points: ``(N, V, 3)`` as for :func:`rasterize`.
        values: ``(N, V, C)``.
        seen: :func:`rasterize`'s answer; pixels without a triangle get the first triangle's values.
    Returns:
        ``(C, N, height * width)``.
    """
    n, vertices = points.shape[:2]
    device = points.device
    corner = triangles[seen.clamp(min=0)] + (torch.arange(n, device=device) * vertices)[:, None, None]
    a, b, c = (corner[..., k].reshape(-1) for k in range(3))
    flat = points.reshape(-1, 3)[:, :2].contiguous()
    xa, ya = flat[a].unbind(1)
    xb, yb = (flat[b] - flat[a]).unbind(1)
    xc, yc = (flat[c] - flat[a]).unbind(1)
    x = (torch.arange(size[1], device=device) + 0.5).repeat(n * size[0]) - xa
    y = (torch.arange(size[0], device=device) + 0.5).repeat_interleave(size[1]).repeat(n) - ya
    area = xb * yc - xc * yb
    area = torch.where(area.abs() < 1e-6, torch.ones_like(area), area)
    share_b, share_c = ((x * yc - xc * y) / area)[:, None], ((xb * y - x * yb) / area)[:, None]
    rows = values.reshape(n * vertices, -1)
    mixed = rows[a] * (1 - share_b - share_c) + rows[b] * share_b + rows[c] * share_c
    return mixed.T.reshape(-1, n, size[0] * size[1]).contiguous()
