"""The whole curve instead of a few points of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlsfaces.evaluate.pairs import PairScores


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

    @property
    def eer(self) -> float:
        """Equal error rate: where the share of false pairs that pass is the share of positive pairs that do not.

        Between two points of the curve it lies on the straight line.
        """
        gap = 1 - self.tpr - self.fpr  # from 1 down to -1
        after = int(np.argmax(gap <= 0))
        share = gap[after - 1] / (gap[after - 1] - gap[after])
        return float(self.fpr[after - 1] + share * (self.fpr[after] - self.fpr[after - 1]))


@dataclass(frozen=True)
class Det:
    """Detection error tradeoff: the same curve as two kinds of errors, float64 arrays of one length.

    At ``threshold[i]``, the share ``fmr[i]`` of the false pairs is taken for the same person (false match rate), and
    the share ``fnmr[i]`` of the positive pairs is not (false non-match rate).
    """

    fmr: np.ndarray
    fnmr: np.ndarray
    threshold: np.ndarray


def roc(scores: PairScores) -> Roc:
    """The curve over all distinct scores (Fawcett 2006, "An introduction to ROC analysis", algorithm 1)."""
    same = np.arange(len(scores.positive) + len(scores.false)) < len(scores.positive)
    return labelled_roc(np.concatenate((scores.positive, scores.false)), same)


def det(curve: Roc) -> Det:
    """A ROC curve as errors over errors, NIST's way to draw it (Martin et al. 1997, "The DET curve")."""
    return Det(curve.fpr, 1 - curve.tpr, curve.threshold)


def labelled_roc(scores: np.ndarray, same: np.ndarray, weights: np.ndarray | None = None) -> Roc:
    """The curve of pairs with a label; some positive and some false pair must have a weight above 0.

    Args:
        scores: similarities, ``(N,)``.
        same: whether a pair shows one person, ``(N,)`` bool.
        weights: how often each pair counts, ``(N,)``; once where None.
    """
    order = np.argsort(-scores, kind="stable")
    values, positive = scores[order], same[order]
    weights = np.ones(len(scores), dtype=np.int64) if weights is None else weights[order]
    last_of_tie = np.flatnonzero(np.append(np.diff(values) != 0, True))
    hits = np.cumsum(weights * positive)[last_of_tie]
    alarms = np.cumsum(weights * ~positive)[last_of_tie]
    start = np.zeros(1)
    return Roc(
        np.concatenate((start, alarms / alarms[-1])),
        np.concatenate((start, hits / hits[-1])),
        np.concatenate((start + np.inf, values[last_of_tie])),
    )
