"""How sure a number is that was measured on few people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tqdm.auto import tqdm


def person_bootstrap(
    measure: Callable[[np.ndarray], Sequence[float] | np.ndarray],
    n_people: int,
    *,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> np.ndarray:
    """Percentile intervals that resample people, not pictures or pairs (Efron and Tibshirani 1993, chapter 13).

    What is measured on one person's pictures stands and falls together, so treating it as independent makes intervals
    far too narrow. Each resample draws as many people as there are, with replacement.

    Args:
        measure: gets how often each person was drawn, ``(n_people,)`` integers, and gives one number or several; NaN
            where a resample has nothing to measure.
        level: share of the resamples that an interval holds.
    Returns:
        float64 ``(numbers, 2)``: low and high; NaN where no resample had anything to measure.
    Raises:
        ValueError: a level outside (0, 1), or no resamples.
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level} is not between 0 and 1 (exclusive)")
    if resamples < 1:
        raise ValueError(f"resamples={resamples}: at least one is needed")
    generator = np.random.default_rng(seed)
    found = []
    for _ in tqdm(range(resamples), desc="bootstrap", unit=" resamples", leave=False, delay=2):
        drawn = np.bincount(generator.integers(n_people, size=n_people), minlength=n_people)
        found.append(measure(drawn))
    tail = 50 * (1 - level)
    columns = [column[~np.isnan(column)] for column in np.array(found, dtype=np.float64).reshape(resamples, -1).T]
    return np.array([np.percentile(c, [tail, 100 - tail]) if len(c) else [np.nan, np.nan] for c in columns])


def weighted_at(scores: np.ndarray, passed: np.ndarray | Sequence[int], indices: Sequence[int]) -> np.ndarray:
    """The scores at these indices, were every score there as often as its weight says.

    Args:
        scores: ``(N,)``.
        passed: cumulative sums of their weights, which are whole numbers; they may end after the last one needed.
        indices: below the last of the sums.
    """
    return scores[np.searchsorted(passed, indices, side="right")]
