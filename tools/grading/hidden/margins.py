"""Homework 3, graded: other faces, scales and margins, and the cases at the border."""

from __future__ import annotations

from dlsfaces.grading import Answer, Mistake, margins
from dlsfaces.grading.margins import faces, on_classes


def _cosines(answer: Answer) -> None:
    for given in (faces(10, 4, 6, 6), faces(11, 9, 3, 16, 50.0), faces(12, 1, 2, 3, 0.02), faces(13, 5, 8, 8, 3.0)):
        margins.cosine_logits(answer, *given[:2])


def _arcface(answer: Answer) -> None:
    margins.arcface_logits(answer, *faces(20, 8, 6, 6), 16.0, 0.4)
    margins.arcface_logits(answer, *faces(21, 5, 7, 16, 20.0), 64.0, 0.5)
    margins.arcface_logits(answer, *faces(22, 1, 3, 4, 2.0), 1.0, 0.8)


def _arcface_borders(answer: Answer) -> None:
    for sign in (1, -1):
        margins.finite(answer, on_classes(sign), 30.0, 0.3)
        margins.finite(answer, on_classes(sign, 9), 64.0, 0.5)
    for m in (0.2, 0.5, 1.0, 1.5):
        margins.falling(answer, 10.0, m)


def _cosface(answer: Answer) -> None:
    margins.cosface_logits(answer, *faces(30, 8, 6, 6), 16.0, 0.25)
    margins.cosface_logits(answer, *faces(31, 5, 7, 16, 20.0), 64.0, 0.4)
    margins.cosface_logits(answer, *faces(32, 1, 3, 4, 2.0), 2.0, 0.1)


def _loss(answer: Answer) -> None:
    margins.arcface_loss(answer, *faces(40, 8, 6, 6), 5.0, 0.4)
    margins.arcface_loss(answer, *faces(41, 5, 7, 16, 20.0), 12.0, 0.5)
    margins.arcface_loss(answer, *faces(42, 1, 3, 4, 2.0), 3.0, 0.7)
    margins.large_loss(answer, faces(43, 9, 4, 8, 3.0))


def _loss_borders(answer: Answer) -> None:
    for sign, m in ((1, 0.3), (-1, 0.5), (1, 1.2)):
        margins.finite(answer, on_classes(sign), 16.0, m)
        margins.falling(answer, 16.0, m)


PARTS = {
    "cosine_logits": (2.0, (_cosines,)),
    "arcface_logits": (4.0, (_arcface, _arcface_borders)),
    "cosface_logits": (1.0, (_cosface,)),
    "arcface_loss": (3.0, (_loss, _loss_borders)),
}

LOSSES = ("cosines", "cosface", "arcface")
#: From and to: trainings differ between machines; a network that has learned nothing has 0.20 and 0.16.
BOUNDS = {"accuracy": (0.5, 0.98), "tpr@0.1": (0.35, 0.85)}


def _measured(figures: dict[str, float]) -> None:
    """Every network has learned, and none better than it can in so short a time."""
    names = [f"{loss}/{score}" for loss in LOSSES for score in BOUNDS]
    if missing := set(names) - figures.keys():
        raise Mistake("missing", f"there is no {', '.join(sorted(missing))}")
    for name in names:
        low, high = BOUNDS[name.split("/")[1]]
        if not low <= figures[name] <= high:
            raise Mistake("value", f"{name} is {figures[name]:.3f}, and should be from {low} to {high}")


MEASURED = (1.0, _measured)
