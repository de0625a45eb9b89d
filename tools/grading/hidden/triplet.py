"""Homework 4, graded: other people and margins, larger distances, and equal images."""

from __future__ import annotations

import torch

from dlsfaces.grading import Answer, Mistake, triplet
from dlsfaces.grading.triplet import doubles, people


def _distances(answer: Answer) -> None:
    for vectors in (people(10, 5, 2, 7)[0], people(11, 2, 2, 2)[0], people(12, 1, 1, 4)[0], doubles()[0]):
        triplet.distances(answer, vectors)
    triplet.distances(answer, torch.tensor([[3.0, 4], [0, 0], [3, 4], [-3, 4], [0, 0]]))


def _hardest(answer: Answer) -> None:
    for seed, (persons, images) in enumerate([(5, 3), (2, 6), (6, 2)]):
        vectors, who = people(20 + seed, persons, images)
        apart = torch.cdist(vectors, vectors)
        triplet.hardest(answer, apart.fill_diagonal_(0.002), 7 * who + 3)
        triplet.hardest(answer, 500 * apart.fill_diagonal_(0.0), who)
    vectors, who = doubles()
    triplet.hardest(answer, torch.cdist(vectors, vectors), who)
    vectors, who = people(24, 3, 5)
    triplet.hardest(answer, torch.cdist(vectors, vectors)[:11, :11], who[:11])  # not the same number of each


def _losses(answer: Answer) -> None:
    triplet.batch_hard_loss(answer, *people(36, 5, 3, 6, 0.5), 0.2)
    triplet.batch_hard_loss(answer, *people(20, spread=0.6), 0.4)
    for seed, (persons, images, dim), margin in ((30, (5, 3, 6), 0.2), (31, (3, 4, 4), 0.5), (32, (2, 2, 3), 1.0)):
        triplet.batch_hard_loss(answer, *people(seed, persons, images, dim), margin)
    triplet.batch_hard_loss(answer, *(one[:13] for one in people(33, 3, 5)), 0.3)


def _loss_borders(answer: Answer) -> None:
    for margin in (0.2, 1.0):
        triplet.batch_hard_loss(answer, *doubles(), margin, exact=False)
    triplet.done(answer)


def _semihard(answer: Answer) -> None:
    many = torch.tensor([0.62, 0.72, 1.04, 1.0, 1.02, 0.68, 1.46, 0.84, 0.54, 1.34, 1.08, 0.98])
    for positive, margin in ((0.75, 0.35), (1.1, 0.15), (1.4, 0.02), (0.5, 1.1)):
        triplet.semihard_negative(answer, positive, many, margin)
    random = torch.Generator().manual_seed(40)
    for count in (1, 2, 5, 9, 20):
        for _ in range(4):
            negatives = 0.2 + 1.6 * torch.rand(count, generator=random)
            positive, margin = torch.rand(2, generator=random).tolist()
            triplet.semihard_negative(answer, 0.3 + positive, negatives, 0.1 + margin / 2)
    tied = torch.tensor([1.0, 0.5, 0.75, 1.25, 0.75])
    for positive, margin in ((0.5, 0.25), (0.75, 0.5), (1.0, 0.25), (1.25, 0.25), (0.25, 0.25)):
        triplet.semihard_negative(answer, positive, tied, margin)


PARTS = {
    "distances": (2.0, (_distances,)),
    "hardest": (2.0, (_hardest,)),
    "batch_hard_loss": (4.0, (_losses, _loss_borders)),
    "semihard_negative": (2.0, (_semihard,)),
}

LOSSES = ("cross_entropy", "triplet", "both")
#: From and to: trainings differ between machines; a network that has learned nothing has 0.20 and 0.16.
BOUNDS = {"accuracy": (0.45, 0.98), "tpr@0.1": (0.3, 0.85)}


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
