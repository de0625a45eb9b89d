"""Which triangle does each pixel see? A z-buffer over all triangles of a batch at once, and interpolation.

Small triangles, in the thousands, are cut into horizontal spans of pixels; the spans are expanded into pixels, and one
``scatter_reduce`` keeps the nearest. No loop over triangles or images, and every number depends on its own image
alone, so an image has the same bits in any batch.

A pixel has a sample in each of its two halves, the upper a quarter left and the lower a quarter right of its middle.
Where both lie on the same surface, the pixel is shaded once, in its middle: paint and light cost half; outlines stay
smooth (multisampling; Akeley 1993, "RealityEngine graphics", section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

_EMPTY = 2**62
_SAME_SURFACE = 0.5  # cm of depth between the halves of a pixel that is shaded once


class Sparse(NamedTuple):
    """Triangles that do not fill their outlines: some of their samples let through what lies behind, as hair does."""

    triangles: Tensor  # (T,) bool
    values: Tensor  # (N, V, C) interpolated
    stays: Callable[[Tensor, Tensor], Tensor]  # from values (C, K) and images (K,) to bool (K,): what is there


class Spots(NamedTuple):
    """Where the images of a batch are shaded: ``whole`` pixels once, then the two halves of each ``split`` one."""

    whole: Tensor  # (A,) pixels, counted over all images
    split: Tensor  # (B,)
    image: Tensor  # (A + 2 B,) of which image: all whole pixels, upper halves, lower halves
    triangle: Tensor  # (A + 2 B,) or -1
    x: Tensor  # (A + 2 B,) pixels
    y: Tensor

    def take(self, index: Tensor) -> Spots:
        """Those with these numbers ``(K,)``; what is whole and split stays as it is."""
        picked = (c.index_select(0, index) for c in (self.image, self.triangle, self.x, self.y))
        return Spots(self.whole, self.split, *picked)

    def first(self, value: Tensor, size: tuple[int, int], n: int) -> Tensor:
        """Whatever the spots are ``(A + 2 B,)`` as images ``(N, height, width)``; a split pixel is its upper half."""
        image = value.new_empty(n * size[0] * size[1])
        image[self.whole] = value[: len(self.whole)]
        image[self.split] = value[len(self.whole) : len(self.whole) + len(self.split)]
        return image.view(n, *size)

    def gather(self, colour: Tensor, size: tuple[int, int], n: int) -> Tensor:
        """Colours of the spots ``(C, A + 2 B)`` as images ``(N, C, height, width)``."""
        a, b = len(self.whole), len(self.split)
        image = colour.new_empty(len(colour), n * size[0] * size[1])
        image[:, self.whole] = colour[:, :a]
        image[:, self.split] = (colour[:, a : a + b] + colour[:, a + b :]) / 2
        return image.view(-1, n, *size).transpose(0, 1)


def spots(seen: Tensor, depth: Tensor, parts: Tensor, size: tuple[int, int]) -> Spots:
    """Which pixels are shaded once, and which twice: those whose halves show different parts or depths.

    ``seen`` and ``depth`` come from :func:`rasterize`; ``parts`` ``(T,)`` says of which part each triangle is.
    """
    height, width = size
    halves = seen.view(-1, height, 2, width)
    part = torch.where(halves >= 0, parts.index_select(0, halves.clamp(min=0).view(-1)).view(halves.shape), -1)
    near = depth.view(-1, height, 2, width)
    same = (part[:, :, 0] == part[:, :, 1]) & ((near[:, :, 0] - near[:, :, 1]).abs() < _SAME_SURFACE)
    same = same.view(-1)
    whole, split = same.nonzero()[:, 0], (~same).nonzero()[:, 0]
    upper, lower = (halves[:, :, k].reshape(-1) for k in (0, 1))
    pixel = torch.cat((whole, split, split))
    triangle = torch.cat((upper.index_select(0, pixel[: len(whole) + len(split)]), lower.index_select(0, split)))
    off = torch.zeros(len(pixel), device=seen.device)
    off[len(whole) : len(whole) + len(split)] = -0.25
    off[len(whole) + len(split) :] = 0.25
    column = pixel % width
    row = pixel.div(width, rounding_mode="floor") % height
    image = pixel.div(height * width, rounding_mode="floor")
    return Spots(whole, split, image, triangle, column + (0.5 + off), row + (0.5 + off))


def _left_of_row(row: Tensor) -> Tensor:
    """x of the first sample of a row of samples."""
    return (row & 1) * 0.5 + 0.25


def _expand(counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For counts ``(2, 3)``: owners ``(0, 0, 1, 1, 1)``, numbers ``(0, 1, 2, 3, 4)``, firsts ``(0, 2)``."""
    owner = torch.repeat_interleave(counts)
    return owner, torch.arange(len(owner), device=counts.device), counts.cumsum(0) - counts


def _sides(x: Tensor, y: Tensor, area: Tensor) -> Tensor:
    """Where triangles begin and end along a row, from their corners ``(3, K)``: ``(12, K)``.

    A row at height y begins at the largest of the three ``[k] y + [3 + k]`` and ends at the smallest
    ``[6 + k] y + [9 + k]``.
    """
    a, b = y - y.roll(-1, 0), x.roll(-1, 0) - x  # inside is where a x + b y + c >= 0
    turned, over = a * torch.sign(area), 1 / torch.where(a == 0, 1e-12, a)
    slope, at = -b * over, (a * x + b * y) * over
    begins, ends = turned > 0, turned < 0
    least, most = x.amin(0), x.amax(0)
    return torch.cat((begins * slope, torch.where(begins, at, least), ends * slope, torch.where(ends, at, most)))


def _depth_planes(x: Tensor, y: Tensor, z: Tensor, area: Tensor) -> Tensor:
    """Depth as a function of the place, ``p x + q y + r``, from corners ``(3, K)``: ``(3, K)``."""
    (x0, x1, x2), (y0, y1, y2), (z0, z1, z2) = x, y, z
    p = ((z1 - z0) * (y2 - y0) - (z2 - z0) * (y1 - y0)) / area
    q = ((z2 - z0) * (x1 - x0) - (z1 - z0) * (x2 - x0)) / area
    return torch.stack((p, q, z0 - p * x0 - q * y0))


def _candidates(points: Tensor, triangles: Tensor, two_sided: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Triangles that face the viewer and touch a row of samples: images and numbers of triangles, ``(K,)`` each."""
    x, y = points[..., 0].contiguous(), points[..., 1].contiguous()
    (xa, ya), (xb, yb), (xc, yc) = (
        (x.index_select(1, c), y.index_select(1, c)) for c in triangles.T.contiguous()
    )  # (N, T) each
    area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
    first = (2 * torch.minimum(torch.minimum(ya, yb), yc) - 0.5).ceil().clamp_(min=0)
    last = (2 * torch.maximum(torch.maximum(ya, yb), yc) - 0.5).floor().clamp_(max=2 * size[0] - 1)
    on_screen = (torch.maximum(torch.maximum(xa, xb), xc) > 0) & (torch.minimum(torch.minimum(xa, xb), xc) < size[1])
    seen = (torch.where(two_sided, area.abs(), area) > 1e-6) & (last >= first) & on_screen
    return seen.nonzero(as_tuple=True)


def rasterize(
    points: Tensor, triangles: Tensor, two_sided: Tensor, size: tuple[int, int], sparse: Sparse | None = None
) -> tuple[Tensor, Tensor]:
    """The nearest triangle at every sample.

    Args:
        points: float32 ``(N, V, 3)``: x and y in pixels, and a depth that is smaller nearer to the viewer.
        triangles: int64 ``(T, 3)`` corners, clockwise on the screen as seen from the front.
        two_sided: bool ``(T,)``: triangles that are seen from behind, too.
        sparse: which of them have holes, and where.
    Returns:
        int64 ``(N, 2 * height * width)``, row by row of samples: the triangle each sees, or -1; and its depth, float32.
    """
    height, width, n = 2 * size[0], size[1], len(points)
    image, triangle = _candidates(points, triangles, two_sided, size)
    corners = (triangles.index_select(0, triangle) + (image * points.shape[1])[:, None]).T.reshape(-1)
    x, y, z = (c.reshape(-1).index_select(0, corners).view(3, -1) for c in points.unbind(2))
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    facts = torch.cat((_sides(x, y, area), _depth_planes(x, y, z, area)))

    # A span a triangle and row.
    first = (2 * y.amin(0) - 0.5).ceil().clamp_(min=0).long()
    last = (2 * y.amax(0) - 0.5).floor().clamp_(max=height - 1).long()
    owner, number, start = _expand(last - first + 1)
    row = (first - start).index_select(0, owner).add_(number)
    y, offset = row * 0.5 + 0.25, _left_of_row(row)
    s = facts.index_select(1, owner)  # (15, S)
    left = torch.maximum(torch.maximum(s[0] * y + s[3], s[1] * y + s[4]), s[2] * y + s[5])
    right = torch.minimum(torch.minimum(s[6] * y + s[9], s[7] * y + s[10]), s[8] * y + s[11])
    left = (left - offset).ceil_().clamp_(0, width)
    right = (right - offset).floor_().clamp_(-1, width - 1)
    depth = s[12] * (left + offset) + s[13] * y + s[14]

    # A candidate a sample. Depth is a whole number above the triangle's own, which breaks ties; a slope is cut off
    # where a triangle is seen from its edge.
    span, number, start = _expand((right - left + 1).clamp_(min=0).long())
    order = ((depth * 2.0**16).long() << 24) + triangle.index_select(0, owner)
    slope = (s[12].clamp(-1e3, 1e3) * 2.0**16).long() << 24
    target = ((image * height).index_select(0, owner) + row) * width + left.long()
    # slopes times numbers may be too large, but whole numbers wrap round: what counts is right once all is added
    order = (order - slope * start).index_select(0, span).addcmul_(slope.index_select(0, span), number)
    target = (target - start).index_select(0, span).add_(number)
    nearest = torch.full((n * height * width,), _EMPTY, dtype=torch.int64, device=points.device)
    nearest.scatter_reduce_(0, target, order, "amin")
    if sparse is not None:
        _see_through(nearest, (target, order), points, triangles, sparse, (height, width))
    triangle = torch.where(nearest == _EMPTY, -1, nearest & (2**24 - 1))
    return triangle.view(n, -1), ((nearest >> 24).float() / 2**16).view(n, -1)


def _see_through(
    nearest: Tensor, candidates: tuple[Tensor, Tensor], points: Tensor, triangles: Tensor, sparse: Sparse, size: tuple
) -> None:
    """Where the nearest triangle has a hole, put what is nearest of those that have none there; in place.

    ``candidates`` are :func:`rasterize`'s for samples: where, and how near; ``size`` is rows of samples, samples a row.
    """

    def holes(at: Tensor, depths: Tensor) -> Tensor:
        triangle = depths & (2**24 - 1)
        index = sparse.triangles.index_select(0, triangle).nonzero()[:, 0]
        at, triangle = at.index_select(0, index), triangle.index_select(0, index)
        image, row, column = torch.unravel_index(at, (len(points), *size))
        where = Spots(at, at, image, triangle, column + _left_of_row(row), row * 0.5 + 0.25)
        return index.masked_select(~sparse.stays(interpolate(points, sparse.values, triangles, where), image))

    open_ = holes(torch.arange(len(nearest), device=nearest.device), nearest)
    nearest[open_] = _EMPTY
    again = torch.zeros_like(nearest, dtype=torch.bool).index_fill_(0, open_, True).index_select(0, candidates[0])
    target, order = (c.masked_select(again) for c in candidates)
    order[holes(target, order)] = _EMPTY
    nearest.scatter_reduce_(0, target, order, "amin")


def interpolate(points: Tensor, values: Tensor, triangles: Tensor, where: Spots) -> Tensor:
    """Vertex values ``(N, V, C)`` at spots that have a triangle, linear on the screen: ``(C, M)``."""
    n, vertices = points.shape[:2]
    corners = triangles.index_select(0, where.triangle) + (where.image * vertices)[:, None]
    place = points[..., :2].reshape(-1, 2).index_select(0, corners.view(-1)).view(-1, 6)
    xa, ya, xb, yb, xc, yc = place.T.contiguous()
    x, y, xb, yb, xc, yc = where.x - xa, where.y - ya, xb - xa, yb - ya, xc - xa, yc - ya
    area = xb * yc - xc * yb
    area = torch.where(area.abs() < 1e-6, 1.0, area)
    share_b, share_c = (x * yc - xc * y) / area, (xb * y - x * yb) / area
    # a pixel's middle may lie a little outside the triangle that its upper half sees; far outside only on a sliver
    share_b, share_c = share_b.clamp(-0.5, 1.5), share_c.clamp(-0.5, 1.5)
    shares = torch.stack((1 - share_b - share_c, share_b, share_c), dim=1)
    rows = values.reshape(n * vertices, -1)
    return torch.nn.functional.embedding_bag(corners, rows, mode="sum", per_sample_weights=shares).T.contiguous()
