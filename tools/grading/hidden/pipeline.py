"""Homework 6, graded: other people and strangers, and the cases at the border."""

from __future__ import annotations

import torch

from dlsfaces.grading import Answer, Mistake, pipeline
from dlsfaces.grading.pipeline import faces, gallery_of

MANY = (2, 6, 1, 4, 3, 2, 7)


def _enrol(answer: Answer) -> None:
    pipeline.enrol(answer, gallery_of(10, MANY, 16), "Hal", faces(11, 5, 16))
    pipeline.enrol(answer, gallery_of(10, MANY, 16), "Bob", faces(12, 2, 16))
    pipeline.enrol(answer, gallery_of(12, (1,), 3), "Ann", faces(13, 1, 3))
    pipeline.enrol(answer, {}, "a name of four words", faces(14, 2))
    pipeline.enrol(answer, gallery_of(15), "Ann", 1000 * faces(15, 3))
    for name in ("Bob", "Eva"):
        pipeline.enrol(answer, gallery_of(16), name, faces(17, 3))


def _identify(answer: Answer) -> None:
    pipeline.identify(answer, gallery_of(20, MANY, 8), faces(21, 20, 8), 0.35)
    pipeline.identify(answer, gallery_of(22, (4, 2)), faces(23, 12), 0.1)
    pipeline.identify(answer, gallery_of(24, (3,)), faces(25, 8), 0.0)


def _identify_borders(answer: Answer) -> None:
    pipeline.identify(answer, gallery_of(26), faces(27, 6), -0.9)  # everybody gets a name
    pipeline.identify(answer, gallery_of(26), faces(27, 6), 0.999)  # nobody does
    pipeline.identify(
        answer, gallery_of(28, (3, 2)), -sum(r.mean(0) for r in gallery_of(28, (3, 2)).values())[None], -1.0
    )
    pipeline.identify(answer, {}, faces(29, 2), 0.3)


def _rate(answer: Answer) -> None:
    pipeline.false_positive_rate(answer, gallery_of(30, MANY, 8), faces(31, 60, 8), (-0.3, 0.2, 0.45, 0.9))
    pipeline.false_positive_rate(answer, gallery_of(32, (5, 3)), faces(33, 25), (0.1, 0.3))


def _rate_borders(answer: Answer) -> None:
    pipeline.false_positive_rate(answer, gallery_of(34), faces(35, 30), (-0.999, 0.3, 0.999))
    pipeline.false_positive_rate(answer, gallery_of(36), faces(37, 1), (0.1, 0.9))
    pipeline.false_positive_rate(answer, {}, faces(38, 5), (0.3,))


def _threshold(answer: Answer) -> None:
    pipeline.threshold_for(answer, gallery_of(40, MANY, 8), faces(41, 34, 8), (0.04, 0.2, 0.4, 0.6))
    pipeline.threshold_for(answer, gallery_of(42, (2, 4)), faces(43, 20), (0.25, 0.5, 0.62))


def _threshold_borders(answer: Answer) -> None:
    strangers = faces(45, 12)
    pipeline.threshold_for(answer, gallery_of(44), strangers, (0.0, 0.03, 0.25, 1.0))
    pipeline.threshold_for(answer, gallery_of(44), faces(46, 1), (0.5,))
    twice = torch.cat((strangers, 2 * strangers))
    pipeline.threshold_for(answer, gallery_of(44), twice, (0.3, 0.125))  # pairs of equals


PARTS = {
    "enrol": (2.0, (_enrol,)),
    "identify": (3.0, (_identify, _identify_borders)),
    "false_positive_rate": (2.0, (_rate, _rate_borders)),
    "threshold_for": (3.0, (_threshold, _threshold_borders)),
}

#: Right figures, and how far off one may be: a threshold between two strangers moves an image or two.
FIGURES = {
    "1 enrolled/near/right": (0.950, 0.06),
    "1 enrolled/near/strangers": (0.07, 0.025),
    "1 enrolled/far/right": (0.800, 0.06),
    "1 enrolled/far/strangers": (0.03, 0.025),
    "5 enrolled/near/right": (1.0, 0.06),
    "5 enrolled/near/strangers": (0.04, 0.025),
    "5 enrolled/far/right": (0.825, 0.06),
    "5 enrolled/far/strangers": (0.02, 0.025),
}


def _measured(figures: dict[str, float]) -> None:
    """Members named rightly, and strangers who get a name, at two cameras."""
    if missing := FIGURES.keys() - figures:
        raise Mistake("missing", f"there is no {', '.join(sorted(missing))}")
    for name, (right, within) in FIGURES.items():
        if not abs(figures[name] - right) < within:
            raise Mistake("value", f"{name} is {figures[name]:.3f}, and should be near {right:.3f}")


MEASURED = (1.0, _measured)
