"""Homework 7, graded: other photos, many equal scores, a person's only photo, and no duplicates at all."""

from __future__ import annotations

import torch

from dlsfaces.grading import Answer, Mistake
from dlsfaces.grading import photos as checks
from dlsfaces.grading.photos import near, photos, scores


def _norms(answer: Answer) -> None:
    checks.norm_score(answer, photos(11, 40, 5, 16)[0])
    checks.norm_score(answer, photos(12, 9, 3, 9)[0])  # as many photos as numbers


def _centres(answer: Answer) -> None:
    checks.centre_distance(answer, *photos(14, 30, 7, 12))
    checks.centre_distance(answer, *photos(15, 8, 4, 8))
    features, who = photos(16, 11, 3)
    checks.centre_distance(answer, features, 1000 - who)


def _lone(answer: Answer) -> None:
    features, who = photos(17, 9, 3)
    who[4] = 1
    checks.centre_distance(answer, features, who)


def _auroc(answer: Answer) -> None:
    for seed, (count, gain, levels) in enumerate([(40, 1.0, 0), (33, 0.4, 0), (50, 0.6, 2), (40, 0.0, 1), (30, -1, 0)]):
        checks.auroc(answer, *scores(20 + seed, count, gain, levels))


def _auroc_borders(answer: Answer) -> None:
    for gain in (50.0, -50.0):  # the best and the worst
        checks.auroc(answer, *scores(30, 12, gain))
    score, is_trash = scores(31, 15)
    checks.auroc(answer, score * 0, is_trash)
    checks.auroc(answer, score, torch.arange(15) == 6)


def _precision(answer: Answer) -> None:
    checks.precision_at(answer, *scores(247, 31, 0.3), 12)
    for seed, (count, k) in enumerate([(24, 5), (31, 12), (18, 1), (18, 18)]):
        checks.precision_at(answer, *scores(40 + seed, count, 0.3), k)


def _precision_borders(answer: Answer) -> None:
    checks.precision_at(answer, *scores(50, 30, -0.8), 10)
    for k in (3, 8, 10, 11):
        checks.precision_at(answer, *scores(52, 20, 0.2, levels=1), k)


def _duplicates(answer: Answer) -> None:
    for seed, (count, threshold) in enumerate([(14, 0.9), (9, 0.6), (12, 0.97), (8, -0.2)]):
        checks.duplicates(answer, near(60 + seed, count), threshold)


def _duplicates_borders(answer: Answer) -> None:
    checks.duplicates(answer, torch.eye(5), 0.5)  # none
    checks.duplicates(answer, near(70)[:1], 0.5)
    checks.duplicates(answer, 20 * near(71, 7), 0.95)
    checks.duplicates(answer, 0.1 * near(72, 7), 0.9)
    checks.duplicates(answer, near(73)[:1].repeat(4, 1), 0.9)


PARTS = {
    "norm_score": (1.0, (_norms,)),
    "centre_distance": (2.0, (_centres, _lone)),
    "auroc": (2.0, (_auroc, _auroc_borders)),
    "precision_at": (1.0, (_precision, _precision_borders)),
    "duplicates": (1.0, (_duplicates, _duplicates_borders)),
}

#: Right figures, and how far off one may be: machines differ in the last digits, and so in a photo or two.
FIGURES = {
    "norm/auroc": (0.769, 0.03),
    "norm/precision": (0.518, 0.06),
    "centre/auroc": (0.905, 0.03),
    "centre/precision": (0.768, 0.06),
    "copies/found": (1.0, 0.26),  # two pairs of eight
    "copies/right": (0.889, 0.26),
}


def _measured(figures: dict[str, float]) -> None:
    """How well both scores and the search for copies find planted trash."""
    if missing := FIGURES.keys() - figures:
        raise Mistake("missing", f"there is no {', '.join(sorted(missing))}")
    for name, (right, within) in FIGURES.items():
        if not abs(figures[name] - right) < within:
            raise Mistake("value", f"{name} is {figures[name]:.3f}, and should be near {right:.3f}")


MEASURED = (1.0, _measured)
