"""Homework 2, graded: other people, other rates, and the cases at the border."""

from __future__ import annotations

from dlsfaces.grading import Mistake, rate
from dlsfaces.grading.rate import people, scores


def _rates(answer: object) -> None:
    for seed, (positives, negatives) in enumerate([(40, 101), (7, 33), (120, 1000)]):
        for fpr in (0.031, 0.1, 0.26, 0.77):
            rate.tpr_at_fpr(answer, *scores(10 + seed, positives, negatives), fpr)


def _borders(answer: object) -> None:
    rate.tpr_at_fpr(answer, *scores(3, 20, 40), 0.99)
    rate.tpr_at_fpr(answer, *scores(3, 20, 40), 1.0)
    rate.tpr_at_fpr(answer, *((10 * some).round() / 10 for some in scores(4, 60, 80)), 0.2)  # ties


PARTS = {
    "positive_similarities": (
        2.0,
        (
            lambda answer: rate.positive_similarities(answer, *people(5, 17, 5)),
            lambda answer: rate.positive_similarities(answer, *people(6, 9, 8, 32)),
        ),
    ),
    "negative_similarities": (
        2.0,
        (
            lambda answer: rate.negative_similarities(answer, *people(7, 15, 6), people(8, 11)[0]),
            lambda answer: rate.negative_similarities(answer, *people(9, 8, 2, 16), people(10, 1, 1, 16)[0]),
        ),
    ),
    "tpr_at_fpr": (3.0, (_rates, _borders)),
}

FIGURES = {"synthetic/tpr@0.01": 1.0, "synthetic/tpr@0.1": 1.0, "celeba/tpr@0.01": 0.667, "celeba/tpr@0.1": 0.847}


def _measured(figures: dict[str, float]) -> None:
    """Both networks' rates; machines differ in the last digits, and readings of a tie in a pair or two."""
    if missing := FIGURES.keys() - figures:
        raise Mistake("missing", f"there is no {', '.join(sorted(missing))}")
    for name, right in FIGURES.items():
        if not abs(figures[name] - right) < 0.03:
            raise Mistake("value", f"{name} is {figures[name]:.3f}, and should be near {right:.3f}")


MEASURED = (1.0, _measured)
