"""What a step of each loss costs, in time and in memory, beside pytorch-metric-learning's.

    python -m benchmarks.losses [--only NAME ...] [--dry-run]

A step is the loss of a batch and its gradients to the features (256 numbers a face) and to the head's weights. Margins
with 500, 10,000 and 100,000 people, triplets with 4 images of each person in the batch. On the CPU: ours and theirs
take turns in one process with one thread, on equal features and weights; the most memory that a step takes is measured
in another process. ``--dry-run`` records nothing, nor does a part of the losses.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import ArcFaceLoss, CosFaceLoss, TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner
from torch import Tensor, nn
from tqdm.auto import tqdm

from benchmarks._record import record
from dlsfaces.recognize import AdaFace, CrossEntropy, Triplet, arcface, cosface
from dlsfaces.recognize.triplet import LOOK_EVERY, MININGS

DIM, IMAGES_PER_PERSON, MARGIN = 256, 4, 0.2
HEADS, ALONE = ("cosface", "arcface"), ("cross_entropy", "adaface")  # alone: without a peer
PEOPLE, BATCHES = {500: "500", 10_000: "10k", 100_000: "100k"}, (128, 512)
SECONDS, LEAST, MOST = 4.0, 5, 300  # of one setting, and the turns that it is given

Setting = tuple[str, int, int]  #: name of the loss, people of the head or in the batch, images in the batch
Step = Callable[[], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[*HEADS, *ALONE, *MININGS], help="names of losses")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    wanted = [setting for setting in settings() if setting[0] in chosen.only]
    # Every tensor from 64 KiB on is taken from the system and given back: the allocator keeps none to be used again.
    os.environ["MALLOC_MMAP_THRESHOLD_"] = str(2**16)
    figures: dict[str, float] = {}
    spread: dict[str, list[float]] = {}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for setting in tqdm(wanted, desc="losses"):
            found, ratios = measure(setting, pool)
            figures |= {f"{label(setting)}/{figure}": value for figure, value in found.items()}
            spread |= {label(setting): ratios} if ratios else {}
            tqdm.write(f"{label(setting)}: {found}")
    figures = worst(figures) | figures
    if chosen.dry_run or len(wanted) < len(settings()):
        print(json.dumps({**figures, "spread": spread}, indent=1))
        return
    record("losses", figures, "python -m benchmarks.losses", quartiles_of_time_ratio=spread, notes=NOTES)


NOTES = [
    "NAME/PEOPLE/BATCH: people of the head, or in the batch of a triplet loss. milliseconds, megabytes: ours. "
    "time_ratio, memory_ratio: ours over pytorch-metric-learning's (pml); at 1 they cost the same. worst: the highest "
    "of all settings; @500, @10k, @100k: of the margins with so many people.",
    "time_ratio: the median over pairs of steps in turn, on one thread. memory_ratio: of the most memory that a step "
    "takes beyond features and weights, gradients included, as Linux counts it, after a step that warms up.",
    "Checked in the same run: with equal weights CosFace, ArcFace and batch hard give the same loss as pml's. Its "
    "semihard miner takes all semihard negatives of a pair, ours the nearest.",
    "pml's random triplets: TripletMarginLoss(triplets_per_anchor=1) without a miner.",
]


def settings() -> list[Setting]:
    heads = [(name, people, batch) for name in (*HEADS, *ALONE) for people in PEOPLE for batch in BATCHES]
    return heads + [(name, batch // IMAGES_PER_PERSON, batch) for name in MININGS for batch in BATCHES]


def label(setting: Setting) -> str:
    return "/".join(map(str, setting))


def worst(figures: dict[str, float]) -> dict[str, float]:
    """The highest ratios: of all settings, and of the heads with so many people."""
    names = {f"worst_{kind}_ratio_to_pml": (f"/{kind}_ratio", "") for kind in ("time", "memory")}
    names |= {f"worst_time_ratio_to_pml@{short}": ("/time_ratio", f"/{people}/") for people, short in PEOPLE.items()}
    found = {
        name: [v for k, v in figures.items() if k.endswith(end) and part in k] for name, (end, part) in names.items()
    }
    return {name: max(values) for name, values in found.items() if values}


def measure(setting: Setting, pool: ProcessPoolExecutor) -> tuple[dict[str, float], list[float]]:
    """The figures of a setting, and the quartiles of the ratios of times."""
    who = (ours,) if setting[0] in ALONE else (ours, theirs)
    if setting[0] in (*HEADS, "batch_hard"):  # both are the same loss
        found, expected = (make(setting)(*a_batch(setting)) for make in who)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    times = in_turn([step_of(make, setting) for make in who])
    repetitions = range(3 if setting[1] <= min(PEOPLE) else 1)  # where it is little, what else a process does shows
    megabytes = [
        statistics.median(pool.submit(peak, make, setting).result() for _ in repetitions) / 1e6 for make in who
    ]
    found = {"milliseconds": 1000 * statistics.median(times[0]), "megabytes": megabytes[0]}
    if len(who) == 1:
        return found, []
    ratios = [mine / peers for mine, peers in zip(*times)]
    found |= {"time_ratio": statistics.median(ratios), "memory_ratio": megabytes[0] / megabytes[1]}
    return found, [round(quartile, 4) for quartile in statistics.quantiles(ratios)]


def step_of(make: Callable[[Setting], nn.Module], setting: Setting) -> Step:
    """Loss and gradients; features, weights and identities are there before and after, gradients are not."""
    features, identities = a_batch(setting)
    loss = make(setting)
    parameters = [features, *loss.parameters()]

    def step() -> None:
        loss(features, identities).backward()
        for parameter in parameters:
            parameter.grad = None

    return step


def a_batch(setting: Setting) -> tuple[Tensor, Tensor]:
    """Of a triplet loss: people that a network half tells apart."""
    name, people, batch = setting
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(batch, DIM, generator=generator)
    if name in MININGS:
        identities = torch.arange(batch) // IMAGES_PER_PERSON
        features += torch.randn(people, DIM, generator=generator)[identities]
    else:
        identities = torch.randint(people, (batch,), generator=generator)
    return features.requires_grad_(), identities


def ours(setting: Setting) -> nn.Module:
    name, people, _ = setting
    torch.manual_seed(0)
    if name in MININGS:
        return Triplet(MARGIN, name)
    makers = {"cosface": cosface, "arcface": arcface, "adaface": AdaFace, "cross_entropy": CrossEntropy}
    return makers[name](DIM, people)


def theirs(setting: Setting) -> nn.Module:
    """The peer with the same settings, and the same weights."""
    name, people, _ = setting
    if name in MININGS:
        return MinedByThem(name)
    mine = ours(setting)
    if name == "cosface":
        loss = CosFaceLoss(people, DIM, margin=mine.cosine, scale=mine.scale)
    else:
        loss = ArcFaceLoss(people, DIM, margin=math.degrees(mine.angle), scale=mine.scale)
    loss.W = nn.Parameter(mine.weight.detach().T.contiguous())
    return loss


class MinedByThem(nn.Module):
    """pytorch-metric-learning's miner and loss, in squared distances as ours."""

    def __init__(self, mining: str) -> None:
        super().__init__()
        distance = LpDistance(normalize_embeddings=True, p=2, power=2)
        each = {"triplets_per_anchor": 1} if mining == "random" else {}
        self.loss = TripletMarginLoss(MARGIN, distance=distance, **each)
        self.miner = {
            "random": None,
            "semihard": TripletMarginMiner(MARGIN, type_of_triplets="semihard", distance=distance),
            "batch_hard": BatchHardMiner(distance=distance),
        }[mining]

    def forward(self, features: Tensor, identities: Tensor) -> Tensor:
        mined = None if self.miner is None else self.miner(features, identities)
        return self.loss(features, identities, mined)


def in_turn(steps: list[Step]) -> list[list[float]]:
    """Seconds of each step's repetitions, one after the other, so that what else the machine does meets all of them."""
    once = sum(seconds(step) for step in steps)  # and warm
    turns = round(min(MOST, max(LEAST, SECONDS / once)))
    times: list[list[float]] = [[] for _ in steps]
    for turn in range(turns):
        for i in range(len(steps))[:: 1 if turn % 2 else -1]:
            times[i].append(seconds(steps[i]))
    return times


def seconds(step: Step) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def peak(make: Callable[[Setting], nn.Module], setting: Setting) -> float:
    """The most bytes that a step takes beyond what is there before it; in a process that does nothing else."""
    torch.set_num_threads(1)
    step = step_of(make, setting)
    step()  # what the libraries load at first use is not the loss's
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = status("VmRSS")
    for _ in range(LOOK_EVERY if setting[0] in MININGS else 1):  # one of them with a look
        step()
    return 1024 * (status("VmHWM") - before)


def status(name: str) -> int:
    """KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
