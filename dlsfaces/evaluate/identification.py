"""Identification rate: how often two images of one person are recognised, at a given rate of false alarms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlsfaces.evaluate.blocked import Blocks, ranges_of_sample, select
from dlsfaces.evaluate.bootstrap import Measure, person_bootstrap
from dlsfaces.evaluate.pairs import Array, Ids, PairScores, checked, pair_scores

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
    query: Array, query_identities: Ids, distractors: Array | None, fprs: Sequence[float]
) -> IdentificationRate:
    """True positive rate (TPR) at given false positive rates (FPR), as the Deep Learning School's project defines it.

    False pairs are pairs of queries of different people, and every query with every distractor. With ``n = floor(fpr *
    number of false pairs)``, the threshold is the cosine at index ``n`` of the false pairs in descending order. TPR is
    the share of positive pairs strictly above it. Inputs are as of :func:`pair_scores`; distractors may be any number,
    and a memory map of a file (:mod:`.blocked`).
    """
    inputs = checked(query, query_identities, distractors)
    n_false = inputs.n_false
    indices = allowed("fpr", fprs, n_false, "false pair")
    if inputs.n_positive + n_false <= _AT_ONCE:
        pairs = pair_scores(query, query_identities, distractors)
        positive, ascending = pairs.positive, [n_false - 1 - n for n in indices]
        threshold = np.partition(pairs.false, ascending)[ascending]  # as np.sort(false)[::-1][indices], but faster
    else:
        blocks = Blocks(inputs)
        guesses = ranges_of_sample(*blocks.sample(), [n / n_false for n in indices])
        positive, threshold = blocks.positive(), select(blocks.false, n_false, indices, guesses)
    tpr = np.array([np.mean(positive > t) for t in threshold])
    return IdentificationRate(tuple(fprs), tpr, threshold, len(positive), n_false)


def identification_rate_interval(scores: PairScores, fprs: Sequence[float], **options: float) -> np.ndarray:
    """Person-bootstrap intervals of the TPR, float64 ``(len(fprs), 2)``; options as of :func:`person_bootstrap`.

    Two copies of one person count as two people and are not compared with each other. Distractors stay, since it is not
    known which of them belong together.
    """
    return person_bootstrap(_resampled(scores, fprs), scores.n_people, **options)


def identification_rate_difference(
    first: PairScores, second: PairScores, fprs: Sequence[float], **options: float
) -> np.ndarray:
    """Person-bootstrap intervals of how much higher the TPR of ``second`` is than that of ``first``, on the same query.

    Paired: each resample draws the same people for both, so that what makes a person easy or hard for both cancels.
    Where an interval holds 0, the query is too small to say which is better.
    """
    for name in ("positive_person", "false_people", "images"):
        if not np.array_equal(getattr(first, name), getattr(second, name)):
            raise ValueError(f"first and second are of other pairs ({name} differs); score the same query with both")
    before, after = _resampled(first, fprs), _resampled(second, fprs)
    return person_bootstrap(lambda drawn: after(drawn) - before(drawn), first.n_people, **options)


def _resampled(scores: PairScores, fprs: Sequence[float]) -> Measure:
    """The TPRs as if each person were there so many times; NaN where no positive pair is left."""
    allowed("fpr", fprs, len(scores.false), "false pair")
    order = np.argsort(-scores.false)
    false, people = scores.false[order], scores.false_people[:, order].astype(np.intp)
    distractors = (len(false) - _pairs_between(scores.images)) // int(scores.images.sum())

    def tpr(drawn: np.ndarray) -> np.ndarray:
        images = drawn * scores.images
        total = _pairs_between(images) + int(images.sum()) * distractors
        positive_weight = drawn[scores.positive_person]
        if not total or not positive_weight.any():
            return np.full(len(fprs), np.nan)
        indices = [math.floor(fpr * total) for fpr in fprs]
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


def allowed(name: str, rates: Sequence[float], count: int, what: str) -> list[int]:
    """How many of ``count`` may pass at each rate, ``floor(rate * count)``; refuses rates at which nothing may."""
    for rate in rates:
        if not 0 < rate < 1:  # NaN is refused too
            raise ValueError(f"{name}={rate} is not between 0 and 1 (exclusive)")
        if rate * count < 1:
            raise ValueError(f"{name}={rate} of {count} {what}s is less than one: raise it, or take more")
    return [math.floor(rate * count) for rate in rates]
