"""A class for boxes, masks of what is left, and an early return here and there."""

from dataclasses import dataclass

import torch

LOWEST = float("-inf")


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self):
        return (self.right - self.left) * (self.bottom - self.top)

    def common(self, other):
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across * down if across > 0 and down > 0 else 0.0

    def iou(self, other):
        shared = self.common(other)
        return shared / (self.area + other.area - shared) if shared else 0.0


def as_boxes(tensor):
    return [Box(*row) for row in tensor.double().tolist()]


def iou(a, b):
    table = torch.zeros(len(a), len(b), dtype=torch.float64)
    for i, first in enumerate(as_boxes(a)):
        for j, second in enumerate(as_boxes(b)):
            table[i, j] = first.iou(second)
    return table


def nms(boxes, scores, threshold):
    if not len(boxes):
        return torch.zeros(0, dtype=torch.long)
    table, left = iou(boxes, boxes), scores.clone()
    alive, kept = torch.ones(len(boxes), dtype=torch.bool), []
    while alive.any():
        best = torch.where(alive, left, torch.tensor(LOWEST)).argmax()
        kept.append(best)
        alive &= table[best] <= threshold
        alive[best] = False
    return torch.stack(kept)


sliding_windows = lambda height, width, side, stride: [  # noqa: E731
    torch.tensor([x, y, x + side, y + side])
    for y in range(0, height - side + 1, stride)
    for x in range(0, width - side + 1, stride)
]


class Curve:
    def __init__(self, scores, is_right, n_truth):
        self.hits = [bool(is_right[i]) for i in scores.argsort(descending=True)]
        self.n_truth = n_truth

    def precision(self, k):
        return sum(self.hits[: k + 1]) / (k + 1)

    def area(self):
        best, total = 0.0, 0.0
        for k in reversed(range(len(self.hits))):
            best = max(best, self.precision(k))
            total += best * self.hits[k]
        return total / self.n_truth


def average_precision(scores, is_right, n_truth):
    return Curve(scores, is_right, n_truth).area()
