"""Open-set identification: who of the gallery is this, or is it nobody?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlsfaces.evaluate.bootstrap import person_bootstrap, weighted_at
from dlsfaces.evaluate.gallery import OpenSetScores
from dlsfaces.evaluate.identification import allowed, check_rates


@dataclass(frozen=True)
class OpenSetRate:
    """The result; ``tpir`` and ``threshold`` are float64 arrays in the order of ``fpirs``."""

    fpirs: tuple[float, ...]
    tpir: np.ndarray
    threshold: np.ndarray
    rank: int
    mated_probes: int
    unmated_probes: int


def open_set_rate(scores: OpenSetScores, fpirs: Sequence[float], *, rank: int = 1) -> OpenSetRate:
    """True positive identification rate (TPIR) at false positive identification rates (FPIR), with a rank.

    FPIR is the share of unmated probes for whom *anybody* in the gallery scores above the threshold: a probe counts
    once, however large the gallery. TPIR is the share of mated probes whose own person scores above it and is among
    the first ``rank`` people (Cheng, Zhu, Gong 2020, "Face re-identification challenge", section 3.2.3; NIST's FRVT
    1:N reports 1 - TPIR as FNIR). With ``n = floor(fpir * number of unmated probes)``, the threshold is the best score
    at index ``n`` of the unmated probes in descending order; above means strictly above.

    Args:
        scores: as :func:`open_set_scores` gives them.
        fpirs: rates in (0, 1).
        rank: at least 1.
    Raises:
        ValueError: no mated or no unmated probes, an fpir outside (0, 1) or so small that not one probe may pass.
    """
    numbers = _checked(scores, fpirs, rank)
    threshold = np.sort(scores.best)[::-1][numbers]
    found = (scores.own[:, None] > threshold) & (scores.rank <= rank)[:, None]
    return OpenSetRate(tuple(fpirs), found.mean(0), threshold, rank, len(scores.own), len(scores.best))


def open_set_interval(
    scores: OpenSetScores,
    fpirs: Sequence[float],
    *,
    rank: int = 1,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> np.ndarray:
    """Person-bootstrap intervals of the TPIR, over the probes' people; the gallery and unknown probes stay.

    Args:
        scores, fpirs, rank: as :func:`open_set_rate` takes them.
        level, resamples, seed: as :func:`person_bootstrap` takes them.
    Returns:
        float64 ``(len(fpirs), 2)``: low and high, in the order of ``fpirs``.
    Raises:
        ValueError: as :func:`open_set_rate`, or a level outside (0, 1).
    """
    _checked(scores, fpirs, rank)
    order = np.argsort(-scores.best)
    best, strangers = scores.best[order], scores.unmated_person[order]

    def tpir(drawn: np.ndarray) -> np.ndarray:
        mated, unmated = drawn[scores.mated_person], np.append(drawn, 1)[strangers]  # the last is that of number -1
        if not mated.any() or not unmated.any():
            return np.full(len(fpirs), np.nan)
        passed = np.cumsum(unmated)
        threshold = weighted_at(best, passed, [math.floor(fpir * passed[-1]) for fpir in fpirs])
        return mated @ ((scores.own[:, None] > threshold) & (scores.rank <= rank)[:, None]) / mated.sum()

    return person_bootstrap(tpir, scores.n_people, level=level, resamples=resamples, seed=seed)


def cmc(scores: OpenSetScores, max_rank: int = 20) -> np.ndarray:
    """Cumulative match characteristic: the share of mated probes whose person is among the first 1, 2, .. ``max_rank``.

    Number ``k - 1`` is the identification rate at rank ``k``. Other people with an equal score count as ahead, so that
    giving everybody one vector is not rewarded.

    Returns:
        float64 ``(max_rank,)``.
    Raises:
        ValueError: no mated probes, or a rank below 1.
    """
    _check_mated(scores, max_rank)
    return (scores.rank[:, None] <= np.arange(1, max_rank + 1)).mean(0)


def cmc_interval(
    scores: OpenSetScores, max_rank: int = 20, *, level: float = 0.95, resamples: int = 200, seed: int = 0
) -> np.ndarray:
    """Person-bootstrap intervals of :func:`cmc`, ``(max_rank, 2)``; the gallery stays.

    Raises:
        ValueError: as :func:`cmc`, or a level outside (0, 1).
    """
    _check_mated(scores, max_rank)
    within = scores.rank[:, None] <= np.arange(1, max_rank + 1)

    def shares(drawn: np.ndarray) -> np.ndarray:
        weights = drawn[scores.mated_person]
        return weights @ within / weights.sum() if weights.any() else np.full(max_rank, np.nan)

    return person_bootstrap(shares, scores.n_people, level=level, resamples=resamples, seed=seed)


def _check_mated(scores: OpenSetScores, rank: int) -> None:
    if rank < 1:
        raise ValueError(f"rank {rank}: the first is 1")
    if not len(scores.own):
        raise ValueError("there are no mated probes: no probe's person is in the gallery")


def _checked(scores: OpenSetScores, fpirs: Sequence[float], rank: int) -> list[int]:
    """How many unmated probes may pass at each rate."""
    check_rates("fpir", fpirs)
    _check_mated(scores, rank)
    if not len(scores.best):
        raise ValueError("there are no unmated probes: every probe's person is in the gallery, so no FPIR can be set")
    return allowed("fpir", fpirs, len(scores.best), "unmated probe")
