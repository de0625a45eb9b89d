"""The sliding window: every place and every size of a photo, scored by one function."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as V

from dlsfaces.detect.boxes import Detections, as_bytes, suppressed
from dlsfaces.geometry import to_float

#: An image float32 ``(1, 3, H, W)`` in [0, 1] to the scores ``(rows, columns)`` of all windows that lie in it.
ScoreMap = Callable[[Tensor], Tensor]

TILE = 512  #: pixels a side that are scored at once, so that memory is bounded
MOST = 5000  #: windows of a photo, the surest, that reach non-maximum suppression


def pyramid(size: tuple[int, int], window: int, smallest: float, step: float) -> list[tuple[int, int]]:
    """The sizes ``(height, width)`` to which a photo is scaled, so that one window finds faces of all sizes.

    In the first, faces of ``smallest`` pixels are as large as the window; each next one is smaller by the factor
    ``step``; the last is the smallest one that still holds a window.
    """
    if not (window >= 1 and smallest > 0 and step > 1):
        raise ValueError(f"window={window} and smallest={smallest} are pixels, step={step} is a factor over 1")
    largest = window / smallest
    count = math.floor(math.log(max(1e-9, min(size) * largest / window), step) + 1e-9) + 1
    return [tuple(max(window, round(side * largest / step**k)) for side in size) for k in range(count)]


@dataclass(frozen=True)
class WindowDetector:
    """Slides a square window over all scales of a photo and keeps the best of those that overlap."""

    score: ScoreMap
    window: int  # pixels a side
    stride: int  # pixels from one window to the next; row i of the scores begins i strides down
    margin: int = 0  # pixels around the window at which the score looks, too
    smallest: float = 24  # pixels of the smallest face's window in the photo
    step: float = 2 ** (1 / 6)  # from one scale to the next
    threshold: float = 0.0
    iou_threshold: float = 0.3

    def __call__(self, photos: Iterable[Tensor]) -> list[Detections]:
        """Photos uint8 or float ``(3, H, W)``, each of its own size; one smaller than a face has none."""
        return [suppressed(self.candidates(photo), self.iou_threshold) for photo in photos]

    @torch.no_grad()
    def candidates(self, photo: Tensor) -> Detections:
        """All windows of a photo at or above the threshold, before non-maximum suppression."""
        boxes, scores = [], []
        for found, level in self.maps(photo):
            row, column = (found >= self.threshold).nonzero().unbind(1)
            corner = torch.stack((column, row), dim=1) * self.stride - self.beyond
            box = torch.cat((corner, corner + self.window), dim=1).float()
            # A level's height and width are rounded: each has its own factor back to the photo.
            back = torch.tensor([photo.shape[2] / level[1], photo.shape[1] / level[0]]).repeat(2)
            boxes.append(box * back)
            scores.append(found[row, column])
        scores = torch.cat(scores) if scores else torch.zeros(0)
        best = scores.argsort(descending=True, stable=True)[:MOST]
        return Detections(torch.cat(boxes)[best] if boxes else torch.zeros(0, 4), scores[best])

    @torch.no_grad()
    def maps(self, photo: Tensor) -> Iterator[tuple[Tensor, tuple[int, int]]]:
        """The scores ``(rows, columns)`` of each scale, with the scale's ``(height, width)``."""
        photo = as_bytes(photo)
        for level in pyramid(photo.shape[1:], self.window, self.smallest, self.step):
            yield scan(self.score, V.resize(photo, list(level)), self), level

    @property
    def beyond(self) -> int:
        """Pixels by which windows may reach beyond the photo's border: there are faces that it cuts."""
        return self.window // 4 // self.stride * self.stride


def scan(score: ScoreMap, image: Tensor, how: WindowDetector) -> Tensor:
    """The scores of all windows of a uint8 image ``(3, H, W)``, tile by tile: the same numbers as in one piece."""
    edge = how.beyond + how.margin
    rows, columns = ((side + 2 * how.beyond - how.window) // how.stride + 1 for side in image.shape[1:])
    each = max(1, TILE // how.stride)
    found = torch.empty(rows, columns)
    for top in range(0, rows, each):
        for left in range(0, columns, each):
            down, right = min(each, rows - top), min(each, columns - left)
            y, x = (
                torch.arange(first * how.stride, (first + count - 1) * how.stride + how.window + 2 * how.margin)
                for first, count in ((top, down), (left, right))
            )
            # Beyond the photo its edge is repeated.
            y, x = (places.sub(edge).clamp(0, side - 1) for places, side in zip((y, x), image.shape[1:]))
            scores = score(to_float(image[:, y[:, None], x])[None])
            if scores.shape[-2:] != (down, right):
                given = f"score gave {tuple(scores.shape)} for {(down, right)} windows"
                raise ValueError(f"{given}: window, stride and margin have to be those with which it looks")
            found[top : top + down, left : left + right] = scores
    return found
