"""Verification: are these two images of the same person? The whole curve, and accuracy over folds."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from dlsfaces.evaluate.pairs import Array, PairScores


@dataclass(frozen=True)
class Roc:
    """Receiver operating characteristic, from (0, 0) at a threshold of infinity to (1, 1)."""

    fpr: np.ndarray  # share of the false pairs that score at least as high as threshold[i]
    tpr: np.ndarray  # the same of the positive pairs
    threshold: np.ndarray

    @property
    def auc(self) -> float:
        """Area under the curve: the chance that a positive pair scores above a false one, ties counted half."""
        from sklearn.metrics import auc  # takes a second

        return float(auc(self.fpr, self.tpr))

    @property
    def eer(self) -> float:
        """Equal error rate: where FPR is 1 - TPR, on the straight line between two points of the curve."""
        gap = 1 - self.tpr - self.fpr  # from 1 down to -1
        after = int(np.argmax(gap <= 0))
        share = gap[after - 1] / (gap[after - 1] - gap[after])
        return float(self.fpr[after - 1] + share * (self.fpr[after] - self.fpr[after - 1]))


def roc(scores: PairScores) -> Roc:
    """The curve over all distinct scores (Fawcett 2006, "An introduction to ROC analysis", algorithm 1)."""
    same = np.arange(len(scores.positive) + len(scores.false)) < len(scores.positive)
    return _roc(np.concatenate((scores.positive, scores.false)), same)


def _roc(scores: np.ndarray, same: np.ndarray) -> Roc:
    from sklearn.metrics import roc_curve  # takes a second

    return Roc(*roc_curve(same, scores, drop_intermediate=False))


@dataclass(frozen=True)
class Verification:
    """Mean accuracy over ``k`` folds, its standard error ``s / sqrt(k)``, each fold's figures, and all pairs' curve."""

    accuracy: float
    standard_error: float
    fold_accuracy: np.ndarray
    fold_threshold: np.ndarray
    roc: Roc


def verification(
    scores: Sequence[float] | Array, same: Sequence[bool] | Array, folds: int | Sequence[int] | Array = 10
) -> Verification:
    """Accuracy over folds, as LFW and CFP report it (Huang et al. 2007, "Labeled Faces in the Wild", view 2).

    For each fold the threshold with the highest accuracy on the *other* folds is applied to it: halfway between two
    neighbouring scores, or plus or minus infinity.

    Args:
        scores: finite similarities ``(N,)``. Of distances, give the negative.
        same: whether a pair shows one person, ``(N,)``.
        folds: the number of each pair's fold, ``(N,)``, or how many: positive and false pairs are then cut into so many
            runs each, in the order in which they stand, which gives LFW's folds from LFW's list.
    """
    scores = np.asarray(scores.detach().cpu().double() if isinstance(scores, Tensor) else scores, dtype=np.float64)
    same = np.asarray(same.cpu() if isinstance(same, Tensor) else same)
    if scores.ndim != 1 or scores.shape != same.shape:
        raise ValueError(f"scores and same must be of one length, not {scores.shape} and {same.shape}")
    if not np.isfinite(scores).all() or not np.isin(same, (0, 1)).all():
        raise ValueError("scores must be finite numbers, and same True and False, or 1 and 0")
    same = same.astype(bool)
    fold = _folds(same, folds)
    numbers = range(fold.max() + 1)
    threshold = np.array([_best_threshold(scores[fold != k], same[fold != k]) for k in numbers])
    accuracy = np.array([np.mean((scores[fold == k] > threshold[k]) == same[fold == k]) for k in numbers])
    curve = _roc(scores, same)
    if curve.auc < 0.5:
        message = "AUC %.3f: pairs of one person score lower than others. Are the scores distances?"
        logging.getLogger(__name__).warning(message, curve.auc)
    error = accuracy.std(ddof=1) / math.sqrt(len(accuracy))
    return Verification(float(accuracy.mean()), float(error), accuracy, threshold, curve)


def _folds(same: np.ndarray, folds: int | Sequence[int] | Array) -> np.ndarray:
    if isinstance(folds, int | np.integer):
        if not 2 <= folds <= min(same.sum(), (~same).sum()):
            raise ValueError(f"folds={folds}: at least two are needed, and a positive and a false pair in every one")
        fold = np.empty(len(same), dtype=np.int64)
        for kind in (same, ~same):
            for number, part in enumerate(np.array_split(np.flatnonzero(kind), folds)):
                fold[part] = number
        return fold
    _, fold = np.unique(folds.cpu() if isinstance(folds, Tensor) else folds, return_inverse=True)
    if fold.shape != same.shape or any(len(set(same[fold != number])) < 2 for number in set(fold)):
        raise ValueError("folds must be one number a pair, with positive and false pairs outside of every fold")
    return fold


def _best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """The highest of the thresholds with the highest accuracy: it lets the fewest strangers in."""
    curve = _roc(scores, same)
    gained = np.rint(curve.tpr * same.sum() - curve.fpr * (~same).sum())  # right ones more than by refusing all
    best = int(np.argmax(gained))
    high, low = np.append(curve.threshold, -np.inf)[best : best + 2]
    middle = low / 2 + high / 2
    return float(low if middle == high < np.inf else middle)  # between neighbouring numbers there is no middle
