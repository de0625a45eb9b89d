"""Homework 2: the cosines of pairs, and the share of positive pairs above a threshold."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.grading import Answer, Mistake, alike, compare, numbers


def people(seed: int = 0, count: int = 12, persons: int = 4, dim: int = 8) -> tuple[Tensor, Tensor]:
    """Vectors ``(count, dim)`` of any length, and whose they are, in no order."""
    random = torch.Generator().manual_seed(seed)
    who = torch.arange(count)[torch.randperm(count, generator=random)] % persons
    lengths = 0.5 + 3 * torch.rand(count, 1, generator=random)
    return lengths * (torch.randn(persons, dim, generator=random)[who] + torch.randn(count, dim, generator=random)), who


def _pairs(who: Tensor, same: bool) -> tuple[Tensor, Tensor]:
    first, second = torch.triu_indices(len(who), len(who), 1)
    chosen = (who[first] == who[second]) == same
    return first[chosen], second[chosen]


def positive_similarities(answer: Answer, vectors: Tensor, who: Tensor) -> None:
    """``answer(vectors, who)``: the cosine of each pair of images of one person, once, in any order."""
    first, second = _pairs(who, same=True)
    unit = F.normalize(vectors.double(), dim=1)
    got = numbers("positive similarities", answer(vectors.clone(), who.clone()), (None,)).sort().values
    right = (unit[first] * unit[second]).sum(1).sort().values
    dots = (vectors[first] * vectors[second]).sum(1).double().sort().values
    one = torch.ones(len(who)).double()
    leads = torch.tensor([int((who[:k] == who[k]).sum()) == 0 for k in range(len(who))])
    only_first = [(i, j) for i, j in zip(first.tolist(), second.tolist()) if leads[i]]
    neighbours = [(i, i + 1) for i in range(len(who) - 1) if who[i] == who[i + 1]]
    few, near = (
        torch.stack([unit[i] @ unit[j] for i, j in rows]).sort().values if rows else torch.zeros(0).double()
        for rows in (only_first, neighbours)
    )
    twice = right.repeat_interleave(2)
    mistakes = [
        ("dot_product", dots, "these are dot products. Were the vectors brought to length 1?"),
        ("dot_product", dots.repeat_interleave(2), "these are dot products. Were the vectors brought to length 1?"),
        ("self_pairs", torch.cat((right, one)).sort().values, "images are paired with themselves"),
        (
            "self_pairs",
            torch.cat((twice, one)).sort().values,
            "images are paired with themselves, and pairs come twice",
        ),
        ("pairs_twice", twice, "each pair comes twice, as (i, j) and as (j, i)"),
        (
            "first_photo_only",
            few,
            "only pairs with a person's first image are there; n images make n (n - 1) / 2 pairs",
        ),
        ("contiguous", near, "pairs are missing where a person's images do not stand side by side"),
    ]
    _outside(got)
    compare("positive similarities", got, right, mistakes)


def negative_similarities(answer: Answer, vectors: Tensor, who: Tensor, others: Tensor) -> None:
    """``answer(vectors, who, others)``: the cosine of each pair of different people, and of query and distractor."""
    first, second = _pairs(who, same=False)
    unit, strangers = F.normalize(vectors.double(), dim=1), F.normalize(others.double(), dim=1)
    got = numbers("negative similarities", answer(vectors.clone(), who.clone(), others.clone()), (None,)).sort().values
    between, outside = (unit[first] * unit[second]).sum(1), (unit @ strangers.T).flatten()
    same = (unit[_pairs(who, True)[0]] * unit[_pairs(who, True)[1]]).sum(1)
    dots = torch.cat(((vectors[first] * vectors[second]).sum(1), (vectors @ others.T).flatten())).double()
    among = (strangers @ strangers.T)[tuple(torch.triu_indices(len(others), len(others), 1))]
    mistakes = [
        ("dot_product", dots, "these are dot products. Were the vectors brought to length 1?"),
        ("no_distractors", between, "the pairs with distractors are missing"),
        ("only_distractors", outside, "the pairs of queries of different people are missing"),
        ("same_person", torch.cat((between, outside, same)), "pairs of one person are among them"),
        ("pairs_twice", torch.cat((between.repeat_interleave(2), outside)), "each pair of queries comes twice"),
        ("among_distractors", torch.cat((between, outside, among)), "distractors are compared with each other"),
        (
            "self_pairs",
            torch.cat((between.repeat(2), same.repeat(2), torch.ones(len(who)), outside)),
            "the whole matrix is there: images with themselves, and pairs of one person",
        ),
    ]
    _outside(got)
    sort = [(kind, value.sort().values, text) for kind, value, text in mistakes]
    compare("negative similarities", got, torch.cat((between, outside)).sort().values, sort)


def _outside(cosines: Tensor) -> None:
    if (cosines.abs() > 1.0001).any():
        text = "similarities outside [-1, 1] are no cosines. Were the vectors brought to length 1?"
        raise Mistake("dot_product", text)


def tpr_at_fpr(answer: Answer, positive: Tensor, negative: Tensor, fpr: float) -> None:
    """``answer(positive, negative, fpr)``: the TPR and the threshold.

    The threshold is the negative at index ``int(fpr * n)`` in descending order. A positive pair that equals it may
    count or not: both readings of the school's text are right.
    """
    given = answer(positive.clone(), negative.clone(), fpr)
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise Mistake("type", "return two numbers: the TPR and the threshold")
    got = numbers("TPR and threshold", [float(one) for one in given], (2,))
    ordered, n = negative.double().sort(descending=True).values, len(negative)
    index = min(int(fpr * n * (1 + 1e-12)), n - 1)

    def at(threshold: Tensor | float) -> Tensor:
        return torch.tensor([float((positive > threshold).double().mean()), float(threshold)]).double()

    right = at(ordered[index])
    tie = torch.tensor([float((positive >= ordered[index]).double().mean()), float(ordered[index])]).double()
    if alike(got, right) or alike(got, tie):
        return
    count = torch.tensor([float((positive > ordered[index]).sum()), float(ordered[index])]).double()
    below = torch.tensor([float((positive < ordered[index]).double().mean()), float(ordered[index])]).double()
    quantile, rounded = torch.quantile(negative.double(), 1 - fpr), min(round(fpr * n), n - 1)
    mistakes = [
        ("ascending", at(ordered.flip(0)[index]), "the similarities are sorted upwards; the highest come first"),
        ("count_below", below, "this counts the pairs below the threshold"),
        ("count", count, "this is a number of pairs, not a share of them"),
        ("swapped", got.new_tensor([right[1], right[0]]), "return the TPR first, then the threshold"),
        ("round", at(ordered[rounded]), "fpr * n is rounded; take int, the whole part"),
        ("off_by_one", at(ordered[max(index - 1, 0)]), "the index is one too small: it begins with 0"),
        ("off_by_one", at(ordered[min(index + 1, n - 1)]), "the index is one too large: it begins with 0"),
        ("quantile", at(quantile), "a quantile lies between two similarities; take one of them"),
    ]
    compare("TPR and threshold", got, right, mistakes)


def scores(seed: int, positives: int, negatives: int) -> tuple[Tensor, Tensor]:
    """Similarities of so many pairs of one person, and of different people."""
    random = torch.Generator().manual_seed(seed)
    return 0.4 + 0.3 * torch.randn(positives, generator=random), 0.3 * torch.randn(negatives, generator=random)


def _public_rate(answer: Answer) -> None:
    for fpr in (0.17, 0.055, 0.5):
        tpr_at_fpr(answer, *scores(0, 30, 50), fpr)


PUBLIC = {
    "positive_similarities": lambda answer: positive_similarities(answer, *people()),
    "negative_similarities": lambda answer: negative_similarities(answer, *people(), people(1, 5)[0]),
    "tpr_at_fpr": _public_rate,
}
