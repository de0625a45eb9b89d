"""Identification rate: how often two images of one person are recognised, at a given rate of false alarms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from dlsfaces.evaluate.blocked import Blocks, ranges_of_sample, select
from dlsfaces.evaluate.bootstrap import Measure, person_bootstrap
from dlsfaces.evaluate.pairs import Array, Ids, PairScores, checked, count_pairs, known_people, pair_scores

Rates = float | Sequence[float] | Array
_AT_ONCE = 2**23  # more pairs are compared block by block


@dataclass(frozen=True)
class IdentificationRate:
    """TPR and threshold at each FPR, float64 ``(len(fprs),)``, and of how many pairs."""

    fprs: tuple[float, ...]
    tpr: np.ndarray
    threshold: np.ndarray
    positive_pairs: int
    false_pairs: int


def identification_rate(
    query: Array, query_identities: Ids, distractors: Array | None, fprs: Rates
) -> IdentificationRate:
    """True positive rate (TPR) at given false positive rates (FPR), as the Deep Learning School's project defines it.

    False pairs are pairs of queries of different people, and every query with every distractor. With ``n = floor(fpr *
    number of false pairs)``, the threshold is the cosine at index ``n`` of the false pairs in descending order. TPR is
    the share of positive pairs strictly above it. Inputs are as of :func:`pair_scores`; distractors may be any number,
    and a memory map of a file (:mod:`.blocked`).
    """
    inputs = checked(query, query_identities, distractors)
    n_false = inputs.n_false
    fprs, indices = allowed("fpr", fprs, n_false, "false pair")
    if inputs.n_positive + n_false <= _AT_ONCE:
        pairs = pair_scores(query, query_identities, distractors)
        positive, ascending = pairs.positive, [n_false - 1 - n for n in indices]
        threshold = np.partition(pairs.false, ascending)[ascending]  # as np.sort(false)[::-1][indices], but faster
    else:
        blocks = Blocks(inputs)
        guesses = ranges_of_sample(*blocks.sample(), [n / n_false for n in indices])
        positive, threshold = blocks.positive(), select(blocks.false, n_false, indices, guesses)
    tpr = np.array([np.mean(positive > t) for t in threshold])
    return IdentificationRate(fprs, tpr, threshold, len(positive), n_false)


def identification_rate_interval(scores: PairScores, fprs: Rates, **options: float) -> np.ndarray:
    """Person-bootstrap intervals of the TPR, float64 ``(len(fprs), 2)``; options as of :func:`person_bootstrap`.

    Two copies of one person count as two people and are not compared with each other. Distractors stay, since it is not
    known which of them belong together.
    """
    return person_bootstrap(resampled(scores, fprs), scores.n_people, **options)


def identification_rate_difference(first: PairScores, second: PairScores, fprs: Rates, **options: float) -> np.ndarray:
    """Person-bootstrap intervals of how much higher the TPR of ``second`` is than that of ``first``, on the same query.

    Paired: each resample draws the same people for both, so that what makes a person easy or hard for both cancels.
    Where an interval holds 0, the query is too small to say which is better.
    """
    for name in ("positive_person", "false_people", "images"):
        if not np.array_equal(getattr(first, name), getattr(second, name)):
            raise ValueError(f"first and second are of other pairs ({name} differs); score the same query with both")
    before, after = resampled(first, fprs), resampled(second, fprs)
    return person_bootstrap(lambda drawn: after(drawn) - before(drawn), first.n_people, **options)


def resampled(scores: PairScores, fprs: Rates) -> Measure:
    """The TPRs as if each person were there so many times; NaN where no positive pair is left."""
    fprs, _ = allowed("fpr", fprs, len(scores.false), "false pair")
    order = np.argsort(-scores.false)
    false, people = scores.false[order], scores.false_people[:, order].astype(np.intp)
    distractors = (len(false) - _pairs_between(scores.images)) // int(scores.images.sum())

    def tpr(drawn: np.ndarray) -> np.ndarray:
        images = drawn * scores.images
        total = _pairs_between(images) + int(images.sum()) * distractors
        positive_weight = drawn[scores.positive_person]
        if not total or not positive_weight.any():
            return np.full(len(fprs), np.nan)
        indices = [how_many(fpr, total) for fpr in fprs]
        weight = np.append(drawn, 1)  # the last is the distractors'
        top, passed = math.ceil(1.25 * max(fprs) * len(false)), [0]
        while passed[-1] <= max(indices):  # most often once: what is below all thresholds need not be counted
            passed = np.cumsum(weight[people[0, :top]] * weight[people[1, :top]])
            top *= 2
        threshold = false[np.searchsorted(passed, indices, side="right")]  # were each there as often as it counts
        return positive_weight @ (scores.positive[:, None] > threshold) / positive_weight.sum()

    return tpr


def _pairs_between(images: np.ndarray) -> int:
    """Pairs of images of different people, who have so many each."""
    return int(images.sum() ** 2 - (images**2).sum()) // 2


def check_pairs(query_identities: Ids, n_distractors: int, fprs: Rates) -> None:
    """ValueError where such a query has too few pairs for :func:`identification_rate`: before hours of training."""
    ids = known_people("query", query_identities, len(query_identities))
    _, n_false = count_pairs(np.unique(ids, return_counts=True)[1], n_distractors)
    allowed("fpr", fprs, n_false, "false pair")


def allowed(name: str, rates: Rates, count: int, what: str) -> tuple[tuple[float, ...], list[int]]:
    """One rate or several, and how many of ``count`` may pass at each; refuses rates at which nothing may."""
    rates = rate_tuple(name, rates)
    for rate in rates:
        if how_many(rate, count) < 1:
            least = f"the least is {1 / count}" if count > 1 else "two are needed"
            raise ValueError(f"{name}={rate} of {count} {what}s is less than one: raise it ({least}), or take more")
    return rates, [how_many(rate, count) for rate in rates]


def rate_tuple(name: str, rates: Rates) -> tuple[float, ...]:
    """One rate or several, in any form, as numbers; ``ValueError`` where they are no rates."""
    values = rates.detach().cpu().numpy() if isinstance(rates, Tensor) else np.asarray(rates)
    if values.ndim > 1 or not values.size or values.dtype.kind not in "fiu":
        raise ValueError(f"{name}s={rates!r}: give one rate, or a sequence of at least one")
    for rate in values.ravel():
        if not 0 < rate < 1:  # NaN is refused too
            raise ValueError(f"{name}={rate} is not between 0 and 1 (exclusive)")
    return tuple(values.ravel().tolist())


def how_many(rate: float, count: int) -> int:
    """``floor(rate * count)``, where a product that is whole but for its rounding, as of 1 / 49 and 49, is whole."""
    return min(math.floor(rate * count * (1 + 1e-12)), count - 1)
