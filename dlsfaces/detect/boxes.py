"""What a detector gives, what all detectors have in common, and how one's boxes become another's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torchvision.ops import nms

from dlsfaces import geometry


@dataclass(frozen=True, eq=False)
class Detections:
    """The faces found in one photo, the surest first where they come from a detector of the course."""

    boxes: Tensor  # (N, 4), pixels of the photo
    scores: Tensor  # (N,), higher is surer
    landmarks: Tensor | None = None  # (N, 5, 2), where the detector has them

    def __post_init__(self) -> None:
        shapes = [tuple(self.boxes.shape), tuple(self.scores.shape)]
        shapes += [] if self.landmarks is None else [tuple(self.landmarks.shape)]
        count = self.scores.numel()
        if shapes != [(count, 4), (count,), (count, 5, 2)][: len(shapes)]:
            raise ValueError(f"boxes, scores and landmarks are (N, 4), (N,) and (N, 5, 2), not {shapes}")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: Tensor | slice) -> Detections:
        """Some of them: a Boolean mask, indices, or a slice."""
        marks = None if self.landmarks is None else self.landmarks[rows]
        return Detections(self.boxes[rows], self.scores[rows], marks)


def as_bytes(photo: Tensor) -> Tensor:
    """A photo ``(3, H, W)`` as uint8, a quarter of the memory of floats; ``ValueError`` where it is something else."""
    if not isinstance(photo, Tensor) or photo.dim() != 3 or photo.shape[0] != 3 or not photo.numel():
        given = f"{type(photo).__name__} {tuple(getattr(photo, 'shape', ()))}"
        way = "one photo alone: [photo]; a grey one: .expand(3, -1, -1); a file: data.read_image"
        raise ValueError(f"photos are a list of tensors (3, height, width), but one is {given}; {way}")
    if photo.dtype != torch.uint8:
        photo = (geometry.to_float(photo).clamp(0, 1) * 255).round().byte()
    return photo


class Detector(Protocol):
    """Anything that finds faces: photos uint8 ``(3, H, W)``, each of its own size; detections by photo, in order."""

    def __call__(self, photos: Iterable[Tensor]) -> list[Detections]: ...


def suppressed(found: Detections, iou_threshold: float = 0.3) -> Detections:
    """Non-maximum suppression: the surest first, each without those that overlap it by more than ``iou_threshold``."""
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"iou_threshold={iou_threshold} is an intersection over union, from 0 to 1")
    return found[nms(found.boxes.float(), found.scores.float(), iou_threshold)]


@dataclass(frozen=True)
class BoxShift:
    """One fixed step from a detector's boxes to another convention: a shift and a scale in units of the box's size.

    Detectors disagree about where a face ends: a score at an intersection over union of 0.5 would measure this habit.
    """

    right: float = 0.0  # shift of the centre in widths
    down: float = 0.0  # shift of the centre in heights
    width: float = 1.0  # new width in old ones
    height: float = 1.0

    @classmethod
    def fitted(cls, found: Sequence[Detections], faces: Sequence[Tensor], iou_threshold: float = 0.3) -> BoxShift:
        """The median shift and scale from detections to true boxes ``(F, 4)``, photo by photo.

        Each true box is paired with the detection that overlaps it best, by ``iou_threshold`` at least. Scores play no
        part, so nothing is chosen by them.
        """
        pairs = []
        for of_photo, true in zip(found, faces, strict=True):
            if len(of_photo) and len(true):
                overlap, best = geometry.iou(true, of_photo.boxes).max(1)
                hit = overlap >= iou_threshold
                pairs.append(torch.stack((of_photo.boxes[best[hit]], true[hit]), dim=1))
        pairs = torch.cat(pairs) if pairs else torch.zeros(0, 2, 4)
        if len(pairs) < 10:
            raise ValueError(f"only {len(pairs)} detections lie on a true face; a shift is fitted on 10 or more")
        centre, size = (pairs[..., :2] + pairs[..., 2:]) / 2, pairs[..., 2:] - pairs[..., :2]
        shift, scale = (centre[:, 1] - centre[:, 0]) / size[:, 0], size[:, 1] / size[:, 0]
        return cls(*(float(v) for v in torch.cat((shift.median(0).values, scale.median(0).values))))

    def inverse(self) -> BoxShift:
        """The step back."""
        return BoxShift(-self.right / self.width, -self.down / self.height, 1 / self.width, 1 / self.height)

    def __call__(self, found: Detections) -> Detections:
        """The same detections with the other convention's boxes; landmarks stay where they are."""
        centre, size = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2, found.boxes[:, 2:] - found.boxes[:, :2]
        centre = centre + size * centre.new_tensor([self.right, self.down])
        half = size * centre.new_tensor([self.width, self.height]) / 2
        return Detections(torch.cat((centre - half, centre + half), dim=1), found.scores, found.landmarks)
