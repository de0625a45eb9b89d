"""Verification: are these two pictures of the same person?"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from dlsfaces.evaluate.bootstrap import person_bootstrap
from dlsfaces.evaluate.cosines import Array
from dlsfaces.evaluate.curves import Roc, labelled_roc

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verification:
    """The result.

    Attributes:
        accuracy: mean over the folds.
        standard_error: of that mean, ``s / sqrt(k)`` with the folds' standard deviation ``s`` (divisor ``k - 1``).
        fold_accuracy: each fold's, ``(k,)`` float64.
        fold_threshold: the threshold chosen for it on the other folds, ``(k,)``; pairs above it are accepted.
        roc: the curve over all pairs, with ``auc`` and ``eer``.
    """

    accuracy: float
    standard_error: float
    fold_accuracy: np.ndarray
    fold_threshold: np.ndarray
    roc: Roc


def verification(
    scores: Sequence[float] | Array, same: Sequence[bool] | Array, folds: int | Sequence[int] | Array = 10
) -> Verification:
    """Accuracy over folds, as LFW and CFP report it (Huang et al. 2007, "Labeled Faces in the Wild", view 2).

    For each fold the threshold with the highest accuracy on the *other* folds is applied to it. Thresholds lie in the
    middle between two neighbouring scores, or at plus or minus infinity; of equally good ones the highest is taken,
    since it lets fewer strangers in.

    Args:
        scores: similarities, higher is closer, ``(N,)``. Of distances, give the negative.
        same: whether a pair shows one person, ``(N,)``.
        folds: how many; positive and false pairs are then cut into so many runs each, in the order in which they stand,
            which gives LFW's folds from LFW's list. Or the number of each pair's fold, ``(N,)``: people who must not
            be in two folds are the caller's to keep apart.
    Raises:
        ValueError: lengths that differ, scores that are no finite numbers, no positive or no false pair in some folds
            that a threshold is chosen on, fewer than two folds, or an empty one.
    """
    scores, same = _checked(scores, same)
    fold = _folds(same, folds)
    accuracy, threshold = _fold_accuracies(scores, same, fold, np.ones(len(scores), dtype=np.int64))
    curve = labelled_roc(scores, same)
    if curve.auc < 0.5:
        logger.warning("AUC %.3f: pairs of one person score lower than others. Are the scores distances?", curve.auc)
    error = float(accuracy.std(ddof=1) / math.sqrt(len(accuracy)))
    return Verification(float(accuracy.mean()), error, accuracy, threshold, curve)


def verification_interval(
    scores: Sequence[float] | Array,
    same: Sequence[bool] | Array,
    people: Sequence[Sequence[int]] | Array,
    folds: int | Sequence[int] | Array = 10,
    *,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Person-bootstrap intervals of ``accuracy``, ``eer`` and ``auc``; folds stay as they are.

    A pair of one person counts as often as the person was drawn, a pair of two people as the product of both.

    Args:
        scores, same, folds: as :func:`verification` takes them.
        people: who is on the two pictures, ``(N, 2)`` integers.
        level, resamples, seed: as :func:`person_bootstrap` takes them.
    Returns:
        Name to float64 ``(2,)``: low and high.
    Raises:
        ValueError: as :func:`verification`; people of another shape, or that contradict ``same``.
    """
    scores, same = _checked(scores, same)
    fold = _folds(same, folds)
    people = np.asarray(people.cpu() if isinstance(people, Tensor) else people)
    if people.shape != (len(scores), 2):
        raise ValueError(f"people must be ({len(scores)}, 2), not {people.shape}")
    wrong = np.flatnonzero((people[:, 0] == people[:, 1]) != same)
    if len(wrong):
        raise ValueError(f"pair {wrong[0]}: same is {same[wrong[0]]}, but its people are {people[wrong[0]].tolist()}")
    names, number = np.unique(people, return_inverse=True)
    number = number.reshape(people.shape)

    def measures(drawn: np.ndarray) -> list[float]:
        weights = drawn[number[:, 0]] * np.where(same, 1, drawn[number[:, 1]])
        if not weights[same].any() or not weights[~same].any():
            return [math.nan] * 3
        accuracy, _ = _fold_accuracies(scores, same, fold, weights)
        accuracy = accuracy[~np.isnan(accuracy)]
        curve = labelled_roc(scores, same, weights)
        return [accuracy.mean() if len(accuracy) else math.nan, curve.eer, curve.auc]

    found = person_bootstrap(measures, len(names), level=level, resamples=resamples, seed=seed)
    return dict(zip(("accuracy", "eer", "auc"), found))


def _checked(scores: Sequence[float] | Array, same: Sequence[bool] | Array) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(scores.detach().cpu().double() if isinstance(scores, Tensor) else scores, dtype=np.float64)
    labels = np.asarray(same.cpu() if isinstance(same, Tensor) else same)
    if values.ndim != 1 or values.shape != labels.shape:
        raise ValueError(f"scores and same must be of one length, not {values.shape} and {labels.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"scores: number {np.flatnonzero(~np.isfinite(values))[0]} is NaN or infinity")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"same: True and False, or 1 and 0, are meant, not {labels[~np.isin(labels, (0, 1))][0]}")
    return values, labels.astype(bool)


def _folds(same: np.ndarray, folds: int | Sequence[int] | Array) -> np.ndarray:
    """The number of each pair's fold, from 0."""
    if isinstance(folds, int | np.integer):
        if not 2 <= folds <= min(same.sum(), (~same).sum()):
            raise ValueError(
                f"folds={folds} of {same.sum()} positive and {(~same).sum()} false pairs: at least two folds are "
                "needed, and a pair of each kind in every one"
            )
        fold = np.empty(len(same), dtype=np.int64)
        for kind in (same, ~same):
            for number, part in enumerate(np.array_split(np.flatnonzero(kind), folds)):
                fold[part] = number
        return fold
    given = np.asarray(folds.cpu() if isinstance(folds, Tensor) else folds)
    if given.shape != same.shape:
        raise ValueError(f"{len(same)} pairs but folds of shape {given.shape}")
    names, fold = np.unique(given, return_inverse=True)
    if len(names) < 2:
        raise ValueError("at least two folds are needed: the threshold is chosen on the others")
    for number, name in enumerate(names):
        if len(set(same[fold != number].tolist())) < 2:
            raise ValueError(f"without fold {name}, no positive or no false pair is left to choose a threshold on")
    return fold


def _fold_accuracies(
    scores: np.ndarray, same: np.ndarray, fold: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Each fold's accuracy at the threshold of the others, and that threshold; NaN where no pair has a weight."""
    accuracy, threshold = np.full(fold.max() + 1, np.nan), np.full(fold.max() + 1, np.nan)
    counts = weights > 0
    for number in range(len(accuracy)):
        here, others = counts & (fold == number), counts & (fold != number)
        if here.any() and others.any():
            threshold[number] = _best_threshold(scores[others], same[others], weights[others])
            right = (scores[here] > threshold[number]) == same[here]
            accuracy[number] = weights[here] @ right / weights[here].sum()
    return accuracy, threshold


def _best_threshold(scores: np.ndarray, same: np.ndarray, weights: np.ndarray) -> float:
    """The highest of the thresholds with the highest accuracy."""
    order = np.argsort(-scores, kind="stable")
    values = scores[order]
    last_of_tie = np.flatnonzero(np.append(np.diff(values) != 0, True))
    gained = np.cumsum((weights * np.where(same, 1, -1))[order])[last_of_tie]  # by accepting down to here
    best = int(np.argmax(np.append(0, gained)))
    if best == 0:
        return math.inf
    above = values[last_of_tie[best - 1]]
    if best == len(last_of_tie):
        return -math.inf
    below = values[last_of_tie[best]]
    middle = below + (above - below) / 2
    return float(middle if middle < above else below)  # between neighbouring numbers there is no middle
