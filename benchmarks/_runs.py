"""What the benchmarks that train face networks share: how they train, and how they measure on people never seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from dlsfaces import data, evaluate, train
from dlsfaces.data import Augmentation, FaceSet
from dlsfaces.evaluate.pairs import PairScores
from dlsfaces.recognize import Backbone

FPRS = (0.01, 0.05, 0.1)

Run, Outcome = TypeVar("Run"), TypeVar("Outcome")


def together(function: Callable[[Run], Outcome], runs: Iterable[Run], workers: int | None) -> list[Outcome]:
    """Call the function for each run, ``workers`` at a time, each in a process of its own where it is not one."""
    if workers == 1:
        return [function(run) for run in runs]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(function, runs))


@dataclass(frozen=True)
class Way:
    """How a network is trained."""

    epochs: int
    lr: float = 0.1
    batch_size: int = 128
    augmentation: Augmentation = field(default_factory=Augmentation)

    def train(
        self, model: Backbone, loss: nn.Module, faces: FaceSet, image_size: tuple[int, int], seed: int = 0
    ) -> train.History:
        """Train in place."""
        batches = data.batches(faces, image_size, self.batch_size, shuffle=True, seed=seed)
        settings = train.Settings(self.epochs, lr=self.lr, seed=seed)
        return train.fit(model, loss, batches, settings, augment=self.augmentation)


def invented_people(seeds: Sequence[int], people: int, images_per_person: int) -> FaceSet:
    """Synthetic sets, of other people for each seed, as one; rendered side by side where they are not in the cache."""
    sets = [(seed, people, images_per_person) for seed in seeds]
    together(_render, sets, workers=None)
    return data.joined(*map(_invented, sets))


def _render(which: tuple[int, int, int]) -> None:
    torch.set_num_threads(1)
    _invented(which)  # without its result: the images come back through the cache


def _invented(which: tuple[int, int, int]) -> FaceSet:
    seed, people, images_per_person = which
    return data.load("synthetic", "train", people=people, images_per_person=images_per_person, seed=seed)


def rates(
    name: str, query: Tensor, strangers: Tensor | None, identities: Tensor, fprs: Sequence[float] = FPRS
) -> dict[str, float]:
    """TPR of query features at each FPR, by ``name@FPR``."""
    found = evaluate.identification_rate(query, identities, strangers, fprs).tpr
    return {f"{name}@{fpr}": float(value) for fpr, value in zip(fprs, found)}


def intervals(scores: PairScores, fprs: Sequence[float] = FPRS) -> dict[str, float]:
    """The 95 % interval over people of each TPR, by ``tpr@FPR/low`` and ``/high``."""
    found = np.asarray(evaluate.identification_rate_interval(scores, fprs))
    return {f"tpr@{fpr}/{end}": float(v) for fpr, pair in zip(fprs, found) for end, v in zip(("low", "high"), pair)}
