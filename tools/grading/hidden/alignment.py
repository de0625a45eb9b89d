"""Homework 1, graded: other faces, sizes and angles, peaks at the border, and networks of other depths."""

from __future__ import annotations

import torch

from dlsfaces.grading import Mistake, alignment
from dlsfaces.grading.alignment import face, mirrored, peaks


def _matrices(answer: object) -> None:
    for seed, (turned, zoom) in enumerate([(0, 1.0), (-40, 1.4), (95, 0.8), (170, 1.2), (-120, 2.0)]):
        alignment.similarity_matrix(answer, *face(20 + seed, turned, zoom, (56, 48), 5.0))


def _mirrored(answer: object) -> None:
    alignment.similarity_matrix(answer, *mirrored(*face(30, 20, 1.5, (64, 48), 3.0)))


def _photos(answer: object) -> None:
    for seed, (turned, zoom) in enumerate([(-160, 1.2), (30, 1.5), (100, 1.0)]):
        alignment.align(answer, *face(40 + seed, turned, zoom, (60, 72)), (60, 72), (110, 131))


def _small_photo(answer: object) -> None:
    alignment.align(answer, *face(50, -25, 0.9, (72, 64)), (72, 64), (90, 104))


def _targets(answer: object) -> None:
    points = torch.tensor([[3.7, 10.3], [11.2, 2.8], [6.3, 6.7]])
    alignment.heatmap_targets(answer, points, (18, 13), 2.4)
    alignment.heatmap_targets(answer, points[:1], (16, 16), 1.2)


def _targets_at_the_border(answer: object) -> None:
    alignment.heatmap_targets(answer, torch.tensor([[0.2, 0.3], [11.7, 8.7], [-1.3, 4.3]]), (9, 12), 1.7)


def _points(answer: object) -> None:
    alignment.read_points(answer, *peaks(1, 5, (22, 17)))
    alignment.read_points(answer, *peaks(2, 1, (12, 30)))
    alignment.read_points(answer, *peaks(3, 3, (16, 16), floor=-5.0))  # nothing is above 0


def _points_at_the_border(answer: object) -> None:
    maps = torch.full((4, 9, 12), 0.1)
    corners = torch.tensor([[0.0, 0.0], [11.0, 0.0], [0.0, 8.0], [11.0, 8.0]])
    for one, (x, y) in zip(maps, corners.long().tolist()):
        one[y, x] = 1.0
    alignment.read_points(answer, maps, corners)


PARTS = {
    "similarity_matrix": (3.0, (_matrices, _mirrored)),
    "align": (2.0, (_photos, _small_photo)),
    "heatmap_targets": (1.0, (_targets, _targets_at_the_border)),
    "read_points": (1.0, (_points, _points_at_the_border)),
    "hourglass": (
        3.0,
        (
            lambda answer: alignment.hourglass(answer, 1, 32, [(8, 8), (2, 6)], 1),
            lambda answer: alignment.hourglass(answer, 4, 16, [(32, 16), (16, 48), (48, 48)], 2),
        ),
    ),
}

#: From and to: a landmark error of 0.067 by the highest pixel, 0.032 by a parabola; crops by several ways of sampling.
FIGURES = {
    "landmark_error": (0.02, 0.085),
    "as_they_come/tpr@0.1": (0.629, 0.729),
    "upright/tpr@0.1": (0.82, 0.95),
}


def _measured(figures: dict[str, float]) -> None:
    """How far off the landmarks are, and what upright faces are worth."""
    if missing := FIGURES.keys() - figures:
        raise Mistake("missing", f"there is no {', '.join(sorted(missing))}")
    for name, (least, most) in FIGURES.items():
        if not least < figures[name] < most:
            raise Mistake("value", f"{name} is {figures[name]:.3f}, and should be between {least} and {most}")


MEASURED = (1.0, _measured)
