"""The square around a face that a landmark network looks at, and what training does to it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from dlsfaces import geometry, rng

CONTEXT = 1.4  #: the square's side by the size of the face's box (root of its area): the box may be a little off
MIRRORED = (1, 0, 2, 4, 3)  #: which of the five landmarks each one is in a mirror


def square_matrices(boxes: Tensor, side: int) -> Tensor:
    """Maps ``(N, 2, 3)`` from photos to squares of ``side`` pixels around the faces' boxes ``(N, 4)``."""
    extent = boxes[:, 2:] - boxes[:, :2]
    bad = ~(boxes.isfinite().all(1) & (extent > 0).all(1))
    if bad.any():
        which = bad.nonzero()[:, 0].tolist()[:5]
        raise ValueError(f"boxes: {which} have no area or are not finite; a box is (x1, y1, x2, y2)")
    scale = side / (CONTEXT * extent.prod(1).sqrt())
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return geometry.turned(torch.zeros_like(scale), scale, middle, torch.full((2,), side / 2))


def mirrored_order(n_points: int) -> Tensor:
    """Which landmark each one is in a mirror: int64 ``(P,)``, of the course's 5 landmarks or of 300-W's 68."""
    if n_points == 5:
        return torch.tensor(MIRRORED)
    if n_points != 68:
        raise ValueError(f"{n_points} landmarks: which is which in a mirror is known of 5 and of 68")
    lips = [*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1)]
    eyes = [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    return torch.tensor([*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1), *eyes, *lips])


@dataclass(frozen=True)
class LandmarkAugmentation:
    """Cuts squares out of images as imprecise boxes of tilted faces would, and carries the landmarks along."""

    box: tuple[float, float, float, float]  # where the faces are in the images, as shares of width and height
    side: int  # of the squares, pixels
    rotation: float = 35.0  # degrees to either side
    zoom: float = 0.25  # factor up to 1 + zoom, down to its inverse
    shift: float = 0.08  # share of the square's side, to either side
    flip: float = 0.5  # probability of a mirrored square, whose left and right landmarks are exchanged

    def __call__(self, images: Tensor, points: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Squares float ``(N, 3, side, side)`` and points as shares of the side.

        From images ``(N, 3, H, W)``, points ``(N, P, 2)`` in their pixels, NaN where unknown, and keys int64 ``(N,)``.
        """
        u = rng.uniform(keys.to(images.device), 5)  # a sample's key gives the same numbers in any batch
        matrices = self.matrices(u, tuple(images.shape[2:]))
        squares = geometry.warp(images, matrices, (self.side, self.side), "edge")
        points = geometry.move_points(matrices, points) / self.side
        flipped = (u[:, 4] < self.flip)[:, None, None]
        other = points[:, mirrored_order(points.shape[1]).to(points.device)] * points.new_tensor([-1, 1])
        points = torch.where(flipped, other + points.new_tensor([1, 0]), points)
        return torch.where(flipped[..., None], squares.flip(3), squares), points

    def matrices(self, u: Tensor, image_size: tuple[int, int]) -> Tensor:
        """Maps ``(N, 2, 3)`` from images to squares, from uniform numbers ``(N, 4)`` or more; at 0.5 nothing moves."""
        height, width = image_size
        box = torch.tensor(self.box, device=u.device) * torch.tensor([width, height] * 2, device=u.device)
        upright = square_matrices(box[None], self.side).expand(len(u), -1, -1)
        angle, zoom, dx, dy = (2 * u[:, :4] - 1).unbind(1)
        angle, zoom = angle * math.radians(self.rotation), torch.exp(zoom * math.log1p(self.zoom))
        middle = torch.full((2,), self.side / 2, device=u.device)
        to = middle + self.side * self.shift * torch.stack((dx, dy), dim=1)
        return geometry.compose(geometry.turned(angle, zoom, middle, to), upright)
