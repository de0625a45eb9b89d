"""How sure a number is that was measured on few people."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

Measure = Callable[[np.ndarray], Sequence[float] | np.ndarray]


def person_bootstrap(
    measure: Measure, n_people: int, *, level: float = 0.95, resamples: int = 200, seed: int = 0
) -> np.ndarray:
    """Percentile intervals that resample people, not images or pairs (Efron and Tibshirani 1993, chapter 13).

    One person's images stand and fall together: taken as independent, they make intervals far too narrow. ``measure``
    gets how often each person was drawn, ``(n_people,)`` integers, and gives one number or several, NaN where there is
    nothing to measure. An interval holds the share ``level`` of the resamples: float64 ``(numbers, 2)``.
    """
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(f"level={level} must be between 0 and 1 (exclusive), and resamples={resamples} at least 1")
    generator = np.random.default_rng(seed)
    found = []
    for _ in tqdm(range(resamples), desc="bootstrap", unit=" resamples", leave=False, delay=2):
        found.append(measure(np.bincount(generator.integers(n_people, size=n_people), minlength=n_people)))
    tail = 50 * (1 - level)
    columns = [column[~np.isnan(column)] for column in np.array(found, dtype=np.float64).reshape(resamples, -1).T]
    return np.array([np.percentile(c, [tail, 100 - tail]) if len(c) else [np.nan, np.nan] for c in columns])


def mean_interval(values: Tensor, people: Tensor, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """The 95% interval of the mean of people's means, as :func:`person_bootstrap`'s.

    ``values`` ``(N,)`` (booleans are 0 and 1) belong to ``people``, int64 ``(N,)``.
    """
    by_person = torch.stack([values[people == person].float().mean() for person in people.unique()])
    drawn = torch.randint(len(by_person), (resamples, len(by_person)), generator=torch.Generator().manual_seed(seed))
    low, high = by_person[drawn].mean(1).quantile(torch.tensor([0.025, 0.975])).tolist()
    return low, high
