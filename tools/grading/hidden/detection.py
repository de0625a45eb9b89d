"""Homework 5, graded: other boxes and images, and the cases at the border."""

from __future__ import annotations

import torch

from dlsfaces.grading import Answer, Mistake, detection
from dlsfaces.grading.detection import boxes_and_scores, found_faces


def _iou(answer: Answer) -> None:
    for seed, (n, m) in enumerate([(9, 5), (1, 7), (6, 1)]):
        boxes = boxes_and_scores(20 + seed, n)[0], boxes_and_scores(30 + seed, m)[0]
        detection.iou(answer, *boxes)
        detection.iou(answer, *(box / 20 - 2 for box in boxes))  # small, and with negative corners


def _iou_borders(answer: Answer) -> None:
    a = torch.tensor([[0.0, 0, 4, 4], [4, 0, 8, 4], [4, 4, 8, 8], [20, 20, 22, 22], [1, 1, 2, 2]])
    detection.iou(answer, a, a[[1, 3, 0]])
    empty = torch.tensor([[2.0, 2, 2, 2], [1, 1, 3, 1], [9, 9, 9, 11]])
    detection.iou(answer, a, empty)
    detection.iou(answer, empty, torch.cat((empty, a[:1])))


def _nms(answer: Answer) -> None:
    for seed, count, groups, threshold in ((40, 9, 2, 0.4), (41, 20, 5, 0.25), (42, 30, 3, 0.6), (43, 1, 1, 0.5)):
        detection.nms(answer, *boxes_and_scores(seed, count, groups), threshold)


def _nms_borders(answer: Answer) -> None:
    boxes, scores = boxes_and_scores(44, 12, 3)
    detection.nms(answer, boxes, 5 * scores - 3, 0.4)  # as before a sigmoid
    detection.nms(answer, torch.zeros(0, 4), torch.zeros(0), 0.4)
    half = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5], [30, 0, 40, 10]])
    detection.nms(answer, half, torch.tensor([0.7, 0.9, 0.2]), 0.5)  # an IoU at the threshold
    apart = torch.tensor([[0.0, 0, 9, 9], [10, 0, 19, 9], [0, 20, 9, 29], [0, 0, 9, 9], [40, 40, 50, 50]])
    detection.nms(answer, apart, torch.tensor([0.5, 0.5, 0.9, 0.5, 0.5]), 0.3)
    detection.nms(answer, boxes, scores, 1.0)


def _windows(answer: Answer) -> None:
    for given in ((7, 12, 4, 3), (30, 21, 8, 5), (12, 15, 3, 3), (9, 9, 2, 4), (6, 8, 3, 1)):
        detection.sliding_windows(answer, *given)


def _windows_borders(answer: Answer) -> None:
    for given in (
        (5, 5, 5, 2),
        (5, 12, 5, 4),
        (12, 5, 5, 3),
        (4, 12, 5, 1),
        (12, 4, 5, 2),
        (2, 3, 9, 1),
        (8, 9, 3, 50),
    ):
        detection.sliding_windows(answer, *given)


def _precision(answer: Answer) -> None:
    for seed, count, n_truth in ((50, 20, 17), (51, 8, 29), (52, 60, 47)):
        detection.average_precision(answer, *found_faces(seed, count), n_truth)


def _precision_borders(answer: Answer) -> None:
    scores = torch.tensor([0.3, 0.9, 0.5, -2.0])
    for is_right in ([True] * 4, [False] * 4, [False, True, False, True], [True, False, False, False]):
        detection.average_precision(answer, scores, torch.tensor(is_right), 4)
    detection.average_precision(answer, torch.zeros(0), torch.zeros(0, dtype=torch.bool), 3)
    detection.average_precision(answer, torch.tensor([0.2]), torch.tensor([True]), 3)


PARTS = {
    "iou": (2.0, (_iou, _iou_borders)),
    "nms": (
        3.0,
        (_nms, _nms_borders, lambda answer: detection.nms(answer, *boxes_and_scores(45, 16), 0.4)),
    ),
    "sliding_windows": (2.0, (_windows, _windows_borders)),
    "average_precision": (3.0, (_precision, _precision_borders)),
}

FIGURES = {
    "template/ap@0.05": 0.455,
    "template/ap@0.3": 0.463,
    "template/ap@0.7": 0.408,
    "template/ap@1.0": 0.302,
    "network/ap@0.05": 0.930,
    "network/ap@0.3": 0.993,
    "network/ap@0.7": 0.995,
    "network/ap@1.0": 0.409,
}


def _measured(figures: dict[str, float]) -> None:
    """Both detectors' average precision; machines differ in the last digits, so in the order of a few boxes."""
    if missing := FIGURES.keys() - figures:
        raise Mistake("missing", f"there is no {', '.join(sorted(missing))}")
    for name, right in FIGURES.items():
        if not abs(figures[name] - right) < 0.03:
            raise Mistake("value", f"{name} is {figures[name]:.3f}, and should be near {right:.3f}")


MEASURED = (1.0, _measured)
