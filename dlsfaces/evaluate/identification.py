"""Identification rate: how often two pictures of one person are recognised, at a given rate of false alarms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dlsfaces.evaluate.bootstrap import person_bootstrap, weighted_at
from dlsfaces.evaluate.cosines import Array, full_precision
from dlsfaces.evaluate.pairs import Pairs, PairScores
from dlsfaces.evaluate.ranks import order_statistics, ranges_of_sample


@dataclass(frozen=True)
class IdentificationRate:
    """The result; ``tpr`` and ``threshold`` are float64 arrays in the order of ``fprs``."""

    fprs: tuple[float, ...]
    tpr: np.ndarray
    threshold: np.ndarray
    positive_pairs: int
    false_pairs: int


def identification_rate(
    query: Array,
    query_identities: Sequence[int] | Array,
    distractors: Array | None,
    fprs: Sequence[float],
) -> IdentificationRate:
    """True positive rate (TPR) at given false positive rates (FPR), as the Deep Learning School's project defines it.

    Positive pairs are pairs of queries of one person. False pairs are pairs of queries of different people, and every
    query with every distractor. With ``n = floor(fpr * number of false pairs)``, the threshold is the cosine
    similarity at index ``n`` of the false pairs in descending order, so that at most ``n`` of them lie above it; TPR is
    the share of positive pairs strictly above it.

    The result is exact for any number of distractors, and no more than some blocks of pairs are in memory at a time:
    distractors may be a memory map of a file. Cosines are float32, or float64 where either input is, whatever autocast
    or precision of products the caller has set; they are computed on the GPU where either input lies there.

    Args:
        query: embeddings ``(Q, D)``; they need not be normalised.
        query_identities: the person of each, ``(Q,)`` integers from 0.
        distractors: embeddings ``(M, D)`` of other people; None or empty: only the query's own false pairs count.
        fprs: rates in (0, 1).
    Raises:
        ValueError: no positive pair, a zero vector, NaN, lengths that differ, an unknown person (an identity below 0),
            an fpr outside (0, 1) or so small that not one false pair may pass.
    """
    check_rates("fpr", fprs)
    pairs = Pairs(query, query_identities, distractors)
    indices = allowed("fpr", fprs, pairs.n_false, "false pair")
    with full_precision(pairs.device), torch.no_grad():
        threshold = order_statistics(
            pairs.false_cosines,
            pairs.n_false,
            indices,
            lambda: ranges_of_sample(*pairs.sample(), [n / pairs.n_false for n in indices]),
            np.dtype(np.float64 if pairs.dtype == torch.float64 else np.float32),
        )
        above = _above(pairs, threshold)
    return IdentificationRate(tuple(fprs), above / pairs.n_positive, threshold, pairs.n_positive, pairs.n_false)


def identification_rate_interval(
    scores: PairScores, fprs: Sequence[float], *, level: float = 0.95, resamples: int = 200, seed: int = 0
) -> np.ndarray:
    """Person-bootstrap intervals of the TPR.

    Two copies of one person count as two people and are not compared with each other. Distractors stay, since it is not
    known which of them belong together.

    Args:
        scores: as :func:`pair_scores` gives them.
        fprs: rates in (0, 1).
        level, resamples, seed: as :func:`person_bootstrap` takes them.
    Returns:
        float64 ``(len(fprs), 2)``: low and high, in the order of ``fprs``.
    Raises:
        ValueError: an fpr outside (0, 1) or so small that not one false pair may pass, a level outside (0, 1).
    """
    measure = _resampled(scores, fprs)
    return person_bootstrap(measure, scores.n_people, level=level, resamples=resamples, seed=seed)


def identification_rate_difference(
    first: PairScores,
    second: PairScores,
    fprs: Sequence[float],
    *,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> np.ndarray:
    """Person-bootstrap intervals of how much higher the TPR of ``second`` is than that of ``first``, on the same query.

    Paired: each resample draws the same people for both, so that what makes a person easy or hard for both cancels.
    Where an interval holds 0, the query is too small to say which of the two is better.

    Args:
        first, second: scores of the same pictures, as :func:`pair_scores` gives them.
        fprs, level, resamples, seed: as for :func:`identification_rate_interval`.
    Returns:
        float64 ``(len(fprs), 2)``: low and high, in the order of ``fprs``.
    Raises:
        ValueError: scores of other pairs, or what :func:`identification_rate_interval` raises.
    """
    for name in ("positive_person", "false_people", "pictures"):
        if not np.array_equal(getattr(first, name), getattr(second, name)):
            raise ValueError(f"first and second are of other pairs ({name} differs); score the same query with both")
    before, after = _resampled(first, fprs), _resampled(second, fprs)
    return person_bootstrap(
        lambda drawn: after(drawn) - before(drawn), first.n_people, level=level, resamples=resamples, seed=seed
    )


def _resampled(scores: PairScores, fprs: Sequence[float]) -> Callable[[np.ndarray], np.ndarray]:
    """The TPRs were each person there so many times; NaN where no positive pair is left."""
    check_rates("fpr", fprs)
    allowed("fpr", fprs, len(scores.false), "false pair")
    order = np.argsort(-scores.false)
    false, people = scores.false[order], scores.false_people[:, order].astype(np.intp)
    queries = int(scores.pictures.sum())
    distractors = (len(false) - _pairs_between(scores.pictures)) // queries

    def tpr(drawn: np.ndarray) -> np.ndarray:
        pictures = drawn * scores.pictures
        total = _pairs_between(pictures) + int(pictures.sum()) * distractors
        positive_weight = drawn[scores.positive_person]
        if not total or not positive_weight.any():
            return np.full(len(fprs), np.nan)
        indices = [math.floor(fpr * total) for fpr in fprs]
        weight = np.append(drawn, 1)  # the last is the distractors'
        top, passed = math.ceil(1.25 * max(fprs) * len(false)), [0]
        while passed[-1] <= max(indices):  # most often once: what is below all thresholds need not be counted
            passed = np.cumsum(weight[people[0, :top]] * weight[people[1, :top]])
            top *= 2
        threshold = weighted_at(false, passed, indices)
        return positive_weight @ (scores.positive[:, None] > threshold) / positive_weight.sum()

    return tpr


def _pairs_between(pictures: np.ndarray) -> int:
    """Pairs of pictures of different people, who have so many each."""
    return int(pictures.sum() ** 2 - (pictures**2).sum()) // 2


def _above(pairs: Pairs, threshold: np.ndarray) -> np.ndarray:
    """How many positive pairs lie strictly above each threshold."""
    above = np.zeros(len(threshold), dtype=np.int64)
    for cosines in pairs.positive_cosines():
        for i in np.argsort(threshold):  # what is not above a threshold is not above a higher one
            cosines = cosines[cosines > float(threshold[i])]
            above[i] += len(cosines)
    return above


def check_rates(name: str, rates: Sequence[float]) -> None:
    """Raise ``ValueError`` where there is no rate, or one that is not between 0 and 1."""
    if not len(rates):
        raise ValueError(f"{name}s: at least one rate is needed")
    for rate in rates:
        if not 0 < rate < 1:  # NaN is refused too
            raise ValueError(f"{name}={rate} is not between 0 and 1 (exclusive)")


def allowed(name: str, rates: Sequence[float], count: int, what: str) -> list[int]:
    """How many of ``count`` may pass at each rate, ``floor(rate * count)``.

    Raises:
        ValueError: a rate at which not one may.
    """
    numbers = [math.floor(rate * count) for rate in rates]
    for rate, number in zip(rates, numbers):
        if number < 1:
            least = f"at least {1 / count:.2g} is needed"
            raise ValueError(f"{name}={rate} of {count} {what}s is less than one {what.split()[-1]}; {least}")
    return numbers
