"""Boxes, points, crops and warps. Pixels throughout; a box is ``(x1, y1, x2, y2)``, a point ``(x, y)``.

The centre of the top left pixel is at ``(0.5, 0.5)``: a box ``(0, 0, w, h)`` holds a whole image of ``w`` by ``h``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Framing(NamedTuple):
    """How much of the head a crop shows: its size in pixels and where an average face's landmarks lie in it."""

    name: str
    width: int
    height: int
    landmarks: tuple[tuple[float, float], ...]  # left eye, right eye, nose, left and right mouth corner
    in_loose: tuple[float, float, float, float]  # its box in a picture of the loose framing

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)``."""
        return self.height, self.width


#: The aligned CelebA picture (median landmarks of the course's training set): hair, chin, some background.
LOOSE = Framing("loose", 178, 218, ((70, 112), (109, 112), (89, 137), (72, 153), (107, 153)), (0.0, 0.0, 178.0, 218.0))

#: The box of the tight framing inside the loose one: brows to chin, ear to ear. Found by matching the mean face of the
#: identification-rate set with crops of the mean training picture: they correlate to 0.997 here, to 0.84 4 pixels off.
TIGHT_IN_LOOSE = (44.0, 75.0, 127.0, 175.0)

#: What the identification-rate set holds, and what the course trains on.
TIGHT = Framing(
    "tight",
    83,
    100,
    tuple((x - TIGHT_IN_LOOSE[0], y - TIGHT_IN_LOOSE[1]) for x, y in LOOSE.landmarks),
    TIGHT_IN_LOOSE,
)

FRAMINGS = {f.name: f for f in (TIGHT, LOOSE)}


def face_box(landmarks: Tensor) -> Tensor:
    """The course's face box from landmarks, after the CMU+MIT test set's own boxes.

    3.0 eye distances wide, 3.4 high, centred 0.43 eye distances below the eyes (along the face, so that a tilted
    face's box moves with its chin); the sides stay parallel to the photo's.

    Args:
        landmarks: ``(..., 5, 2)`` pixels.
    Returns:
        ``(..., 4)`` boxes.
    """
    left, right = landmarks[..., 0, :], landmarks[..., 1, :]
    across = right - left
    distance = across.norm(dim=-1, keepdim=True)
    down = torch.stack((-across[..., 1], across[..., 0]), dim=-1)  # across, turned by 90 degrees; same length
    centre = (left + right) / 2 + 0.43 * down
    half = distance * torch.tensor([1.5, 1.7], dtype=landmarks.dtype, device=landmarks.device)
    return torch.cat((centre - half, centre + half), dim=-1)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of every box of ``a`` ``(N, 4)`` with every box of ``b`` ``(M, 4)``: ``(N, M)``."""
    corner = torch.maximum(a[:, None, :2], b[None, :, :2])
    size = (torch.minimum(a[:, None, 2:], b[None, :, 2:]) - corner).clamp(min=0)
    intersection = size.prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    return intersection / (area_a[:, None] + area_b[None, :] - intersection)


def crop_matrix(box: tuple[float, float, float, float], size: tuple[int, int]) -> Tensor:
    """The map from photo to crop: ``(2, 3)`` such that ``crop_point = matrix @ (x, y, 1)``.

    Args:
        box: what is cut out of the photo.
        size: ``(height, width)`` of the crop.
    Raises:
        ValueError: the box has no area.
    """
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        raise ValueError(f"the crop box {box} has no area; it is (x1, y1, x2, y2) with x1 < x2 and y1 < y2")
    sx, sy = size[1] / (x2 - x1), size[0] / (y2 - y1)
    return torch.tensor([[sx, 0.0, -sx * x1], [0.0, sy, -sy * y1]])


def whole(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box of a whole image of ``size`` (height, width)."""
    return 0.0, 0.0, float(size[1]), float(size[0])


def move_points(matrix: Tensor, points: Tensor) -> Tensor:
    """Points ``(..., 2)`` through a ``(2, 3)`` map."""
    return points @ matrix[:, :2].T + matrix[:, 2]
