"""From a photo to what a landmark network looks at, and what training does to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from dlsfaces import geometry, rng

CONTEXT = 1.4  #: the square's side in sizes (root of the area) of the face's box: a box that is a little off will do
MIRRORED = (1, 0, 2, 4, 3)  #: which of the five landmarks each one is in a mirror


def face_square(boxes: Tensor) -> Tensor:
    """The square around a face's box that a landmark network looks at.

    Args:
        boxes: ``(N, 4)`` pixels, the course's face boxes (:func:`dlsfaces.geometry.face_box`).
    Returns:
        ``(N, 4)`` boxes with the same middle.
    Raises:
        ValueError: a box without area, or not finite; names the faces by number.
    """
    size = boxes[:, 2:] - boxes[:, :2]
    bad = ~(boxes.isfinite().all(1) & (size > 0).all(1))
    if bad.any():
        raise ValueError(
            f"boxes: {bad.nonzero()[:, 0].tolist()[:5]} have no area or are not finite; a box is (x1, y1, x2, y2)"
        )
    half = CONTEXT / 2 * size.prod(1).sqrt()[:, None]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return torch.cat((middle - half, middle + half), dim=1)


def square_matrices(boxes: Tensor, side: int) -> Tensor:
    """Maps ``(N, 2, 3)`` from photos to their :func:`face_square` at ``side`` pixels."""
    square = face_square(boxes)
    scale = side / (square[:, 2] - square[:, 0])
    zero = torch.zeros_like(scale)
    rows = (scale, zero, -scale * square[:, 0], zero, scale, -scale * square[:, 1])
    return torch.stack(rows, dim=-1).view(-1, 2, 3)


def framing_box(framing: geometry.Framing) -> Tensor:
    """Where a set of this framing has its faces' boxes, ``(4,)``, in its pixels."""
    return geometry.face_box(framing.template)


def mirrored_order(n_points: int) -> Tensor:
    """Which landmark each one is in a mirror: int64 ``(P,)``.

    Raises:
        ValueError: neither the course's 5 landmarks nor 300-W's 68.
    """
    if n_points == 5:
        return torch.tensor(MIRRORED)
    if n_points != 68:
        raise ValueError(f"{n_points} landmarks: which is which in a mirror is known of 5 and of 68")
    lips = [*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1)]
    eyes = [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    return torch.tensor([*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1), *eyes, *lips])


@dataclass(frozen=True)
class Wobble:
    """Cuts squares out of pictures as imprecise boxes of tilted faces would, and carries the landmarks along.

    Every random number belongs to a sample's key, as in :class:`dlsfaces.data.Augmentation`.

    Attributes:
        box: where the faces' boxes are in the pictures, in shares of their width and height.
        side: of the squares, in pixels.
        rotation: degrees to either side.
        zoom: factor up to ``1 + zoom``, down to its inverse.
        shift: share of the square's side, to either side.
        flip: probability of a mirrored picture, whose left and right landmarks are exchanged.
    """

    box: tuple[float, float, float, float]
    side: int
    rotation: float = 35.0
    zoom: float = 0.25
    shift: float = 0.08
    flip: float = 0.5

    def __call__(self, images: Tensor, points: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Squares float ``(N, 3, side, side)`` and points as shares of the side.

        Args:
            images: uint8, or float in [0, 1], ``(N, 3, H, W)``.
            points: ``(N, P, 2)`` pixels of the images, NaN where unknown.
            keys: int64 ``(N,)``.
        """
        u = rng.uniform(keys.to(images.device), 5)
        matrices = self.matrices(u, tuple(images.shape[2:]))
        squares = geometry.warp(images, matrices, (self.side, self.side), "edge")
        points = geometry.move_points(matrices, points) / self.side
        flipped = (u[:, 4] < self.flip)[:, None, None]
        other = points[:, mirrored_order(points.shape[1]).to(points.device)] * points.new_tensor([-1, 1])
        points = torch.where(flipped, other + points.new_tensor([1, 0]), points)
        return torch.where(flipped[..., None], squares.flip(3), squares), points

    def matrices(self, u: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps ``(N, 2, 3)`` from pictures of ``size`` to squares, from uniform numbers ``(N, 4)`` or more."""
        box = torch.tensor(self.box, device=u.device) * torch.tensor([size[1], size[0]] * 2, device=u.device)
        upright = square_matrices(box[None], self.side).expand(len(u), -1, -1)
        angle, zoom, dx, dy = (2 * u[:, :4] - 1).unbind(1)
        middle = torch.full((2,), self.side / 2, device=u.device)
        to = middle + self.side * self.shift * torch.stack((dx, dy), dim=1)
        moved = geometry.turned(
            angle * math.radians(self.rotation), torch.exp(zoom * math.log1p(self.zoom)), middle, to
        )
        return geometry.compose(moved, upright)
