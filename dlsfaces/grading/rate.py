"""Homework 2: the cosines of pairs, and the share of positive pairs above a threshold."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.grading import Answer, Mistake, Row, alike, called, compare, numbers, runs

TEXTS = {
    "dot_product": "these are dot products. Were the vectors brought to length 1?",
    "self_pairs": "images are paired with themselves",
    "pairs_twice": "each pair comes twice, as (i, j) and as (j, i)",
    "first_photo_only": "only pairs with a person's first image are there; n images make n (n - 1) / 2 pairs",
    "contiguous": "pairs are missing where a person's images do not stand side by side",
    "no_distractors": "the pairs with distractors are missing",
    "only_distractors": "the pairs of queries of different people are missing",
    "same_person": "pairs of one person are among them",
    "among_distractors": "distractors are compared with each other",
}


def people(seed: int = 0, count: int = 12, persons: int = 4, dim: int = 8) -> tuple[Tensor, Tensor]:
    """Vectors ``(count, dim)`` of any length, and whose they are, in no order."""
    random = torch.Generator().manual_seed(seed)
    who = torch.arange(count)[torch.randperm(count, generator=random)] % persons
    lengths = 0.5 + 3 * torch.rand(count, 1, generator=random)
    return lengths * (torch.randn(persons, dim, generator=random)[who] + torch.randn(count, dim, generator=random)), who


def _compare(what: str, value: object, right: Tensor, mistakes: Sequence[tuple[str, Tensor]]) -> None:
    """Cosines, in any order."""
    got = numbers(what, value, (None,)).sort().values
    if (got.abs() > 1.0001).any():
        raise Mistake("dot_product", f"some {what} are outside [-1, 1]. Were the vectors brought to length 1?")
    rows: list[Row] = [(kind, one.sort().values, TEXTS[kind]) for kind, one in mistakes]
    compare(what, got, right.sort().values, rows)


def positive_similarities(answer: Answer, vectors: Tensor, who: Tensor) -> None:
    """``answer(vectors, who)``: the cosine of each pair of images of one person, once, in any order."""
    unit, same = F.normalize(vectors.double()), who[:, None] == who
    cosine, once = unit @ unit.T, same.triu(1)
    is_first = (same.tril().sum(1) == 1)[:, None]
    mistakes = [
        ("dot_product", (vectors @ vectors.T)[once]),
        ("self_pairs", cosine[same.triu()]),
        ("self_pairs", cosine[same]),
        ("pairs_twice", cosine[same & ~torch.eye(len(who), dtype=torch.bool)]),
        ("first_photo_only", cosine[once & is_first]),
        ("contiguous", cosine.diagonal(1)[same.diagonal(1)]),
    ]
    _compare("positive similarities", called(answer, vectors, who), cosine[once], mistakes)


def negative_similarities(answer: Answer, vectors: Tensor, who: Tensor, others: Tensor) -> None:
    """``answer(vectors, who, others)``: the cosine of each pair of different people, and of query and distractor."""
    unit, strangers, different = F.normalize(vectors.double()), F.normalize(others.double()), who[:, None] != who
    cosine, outside, among = unit @ unit.T, (unit @ strangers.T).flatten(), strangers @ strangers.T
    upper, between = torch.ones(cosine.shape).triu(1).bool(), cosine[different.triu(1)]
    right = torch.cat((between, outside))
    mistakes = [
        ("dot_product", torch.cat(((vectors @ vectors.T)[different.triu(1)], (vectors @ others.T).flatten()))),
        ("no_distractors", between),
        ("only_distractors", outside),
        ("same_person", torch.cat((cosine[upper], outside))),
        ("pairs_twice", torch.cat((cosine[different], outside))),
        ("among_distractors", torch.cat((right, among[torch.ones(among.shape).triu(1).bool()]))),
        ("self_pairs", torch.cat((cosine.flatten(), outside))),
    ]
    _compare("negative similarities", called(answer, vectors, who, others), right, mistakes)


def tpr_at_fpr(answer: Answer, positive: Tensor, negative: Tensor, fpr: float) -> None:
    """``answer(positive, negative, fpr)``: the TPR and the threshold.

    The threshold is the negative at index ``int(fpr * n)`` in descending order. A positive pair that equals it may
    count or not: both readings of the school's text are right.
    """
    given = called(answer, positive, negative, fpr)
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise Mistake("type", "return two numbers: the TPR and the threshold")
    got = numbers("TPR and threshold", [float(one) for one in given], (2,))
    ordered, n = negative.double().sort(descending=True).values, len(negative)
    index = min(int(fpr * n * (1 + 1e-12)), n - 1)

    def at(threshold: Tensor, counted: str = "gt") -> Tensor:
        return torch.stack((getattr(positive, counted)(threshold).double().mean(), threshold))

    right = at(ordered[index])
    if alike(got, at(ordered[index], "ge")):
        return
    mistakes = [
        ("ascending", at(ordered.flip(0)[index]), "the similarities are sorted upwards; the highest come first"),
        ("count_below", at(ordered[index], "lt"), "this counts the pairs below the threshold"),
        ("count", right * torch.tensor([len(positive), 1]), "this is a number of pairs, not a share of them"),
        ("swapped", right.flip(0), "return the TPR first, then the threshold"),
        ("round", at(ordered[min(round(fpr * n), n - 1)]), "fpr * n is rounded; take int, the whole part"),
        ("off_by_one", at(ordered[max(index - 1, 0)]), "the index is one too small: it begins with 0"),
        ("off_by_one", at(ordered[min(index + 1, n - 1)]), "the index is one too large: it begins with 0"),
        ("quantile", at(ordered.quantile(1 - fpr)), "a quantile lies between two similarities; take one of them"),
    ]
    compare("TPR and threshold", got, right, mistakes)


def scores(seed: int, positives: int, negatives: int) -> tuple[Tensor, Tensor]:
    """Similarities of so many pairs of one person, and of different people."""
    random = torch.Generator().manual_seed(seed)
    return 0.4 + 0.3 * torch.randn(positives, generator=random), 0.3 * torch.randn(negatives, generator=random)


PUBLIC = {
    "positive_similarities": runs((positive_similarities, *people())),
    "negative_similarities": runs((negative_similarities, *people(), people(1, 5)[0])),
    "tpr_at_fpr": runs(*((tpr_at_fpr, *scores(0, 30, 50), fpr) for fpr in (0.17, 0.055, 0.5, 1.0))),
}
