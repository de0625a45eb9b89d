"""The whole curve instead of a few points of it, and how sure one can be of the points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from dlsfaces.evaluate.identification import Array, PairScores, _check_fprs, pair_scores


@dataclass(frozen=True)
class Roc:
    """Receiver operating characteristic: float64 arrays of one length, from (0, 0) to (1, 1).

    At ``threshold[i]``, ``fpr[i]`` of the false and ``tpr[i]`` of the positive pairs score at least as high. The first
    threshold is infinity.
    """

    fpr: np.ndarray
    tpr: np.ndarray
    threshold: np.ndarray

    @property
    def auc(self) -> float:
        """Area under the curve: the chance that a positive pair scores above a false one, ties counted half."""
        return float(np.sum(np.diff(self.fpr) * (self.tpr[1:] + self.tpr[:-1]) / 2))


def roc(scores: PairScores) -> Roc:
    """The curve over all distinct scores (Fawcett 2006, "An introduction to ROC analysis", algorithm 1)."""
    values = np.concatenate((scores.positive, scores.false))
    order = np.argsort(-values, kind="stable")
    values = values[order]
    hits = np.cumsum(order < len(scores.positive))
    last_of_tie = np.flatnonzero(np.append(np.diff(values) != 0, True))
    tpr = hits[last_of_tie] / len(scores.positive)
    fpr = (last_of_tie + 1 - hits[last_of_tie]) / len(scores.false)
    start = np.zeros(1)
    return Roc(
        np.concatenate((start, fpr)),
        np.concatenate((start, tpr)),
        np.concatenate((start + np.inf, values[last_of_tie])),
    )


def identification_rate_interval(
    query: Array,
    query_identities: Sequence[int] | Array,
    distractors: Array | None,
    fprs: Sequence[float],
    *,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> np.ndarray:
    """Bootstrap intervals of the TPR that resample the query's people, not its pairs.

    Pairs of one person stand and fall together, so treating them as independent makes intervals far too narrow. Each
    resample draws as many people as the query has, with replacement; two copies of one person count as two people and
    are not compared with each other. Distractors stay, since it is not known which of them belong together.

    Args:
        level: share of the resamples that the interval holds.
    Returns:
        float64 ``(len(fprs), 2)``: low and high, in the order of ``fprs``.
    Raises:
        ValueError: as :func:`identification_rate`, or a level outside (0, 1).
    """
    _check_fprs(fprs)
    if not 0 < level < 1:
        raise ValueError(f"level={level} is not between 0 and 1 (exclusive)")
    scores = pair_scores(query, query_identities, distractors)
    order = np.argsort(-scores.false, kind="stable")
    false, people = scores.false[order], scores.false_people[:, order]
    generator = np.random.default_rng(seed)
    tpr = np.full((resamples, len(fprs)), np.nan)
    for row in tqdm(tpr, desc="bootstrap", unit=" resamples", leave=False, delay=2):
        drawn = np.bincount(generator.integers(scores.n_people, size=scores.n_people), minlength=scores.n_people)
        weight = np.append(drawn, 1)  # the last is the distractors'
        row[:] = _weighted_tpr(scores, false, weight[people[0]] * weight[people[1]], drawn, fprs)
    tail = 50 * (1 - level)
    return np.nanpercentile(tpr, [tail, 100 - tail], axis=0).T


def _weighted_tpr(
    scores: PairScores, false: np.ndarray, false_weight: np.ndarray, drawn: np.ndarray, fprs: Sequence[float]
) -> np.ndarray:
    """TPR where each pair counts as often as its people were drawn; NaN where no positive or no false pair was."""
    positive_weight = drawn[scores.positive_person]
    if positive_weight.sum() == 0 or false_weight.sum() == 0:
        return np.full(len(fprs), np.nan)
    passed = np.cumsum(false_weight)
    ranks = [math.floor(fpr * passed[-1]) for fpr in fprs]
    index = np.minimum(np.searchsorted(passed, ranks, side="right"), len(false) - 1)
    above = scores.positive[:, None] > false[index]
    return (above * positive_weight[:, None]).sum(0) / positive_weight.sum()
