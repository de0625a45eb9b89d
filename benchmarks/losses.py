"""What a step of each loss costs, in time and in memory, beside pytorch-metric-learning's.

    python -m benchmarks.losses [--dry-run]

A step is the loss of a batch and its gradients to the features (256 numbers a face) and to the head's weights. Margins
with 500, 10,000 and 100,000 people, triplets with 4 pictures of each person in the batch. Ours and theirs take turns in
one process with one thread, on equal features and weights; the most memory is that of one step in a process of its own.
``--dry-run`` records nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import ArcFaceLoss, CosFaceLoss, TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner
from torch import Tensor, nn
from tqdm.auto import tqdm

from benchmarks._record import record
from dlsfaces.course import device
from dlsfaces.recognize import AdaFace, CrossEntropy, Triplet, arcface, cosface
from dlsfaces.recognize.triplet import LOOK_EVERY

DIM, PICTURES, MARGIN = 256, 4, 0.2
HEADS, ALONE = ("cosface", "arcface"), ("cross_entropy", "adaface")  # alone: without a peer
MININGS = ("random", "semihard", "batch_hard")
PEOPLE, BATCHES = (500, 10_000, 100_000), (128, 512)
SECONDS, LEAST, MOST = 12.0, 7, 300  # of one setting, and the turns that it is given
SMALL = 500  # people; where a step takes a megabyte, what else a process does shows

Setting = tuple[str, int, int]  #: name of the loss, people of the head or in the batch, pictures in the batch
Step = Callable[[], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    dry_run = parser.parse_args().dry_run
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    spread: dict[str, list[float]] = {}
    for setting in tqdm(settings(), desc="losses"):
        measured, of_ratio = measure(setting)
        figures |= {f"{label(setting)}/{figure}": value for figure, value in measured.items()}
        spread |= {label(setting): of_ratio} if of_ratio else {}
        tqdm.write(f"{label(setting)}: {measured}")
    worst = {
        f"worst_{kind}_ratio_to_pml": max(value for name, value in figures.items() if name.endswith(f"/{kind}_ratio"))
        for kind in ("time", "memory")
    }
    if dry_run:
        print(json.dumps({**worst, **figures, "spread": spread}, indent=1))
        return
    record(
        "losses",
        {**worst, **figures},
        "python -m benchmarks.losses",
        quartiles_of_time_ratio=spread,
        notes=[
            "NAME/PEOPLE/BATCH: people of the head, or in the batch of a triplet loss. milliseconds, megabytes: ours. "
            "time_ratio, memory_ratio: ours over pytorch-metric-learning's (pml); at 1 they cost the same.",
            "time_ratio: the median over pairs of steps in turn, on one thread. memory_ratio: of the most memory that "
            "a step takes beyond features and weights, gradients included; on a CPU as Linux counts it, in a process "
            "of its own after a step that warms up.",
            "Checked in the same run: with equal weights CosFace, ArcFace and batch hard give the same loss as pml's. "
            "Its semihard miner takes all semihard negatives of a pair, ours the nearest.",
            "pml's random triplets: TripletMarginLoss(triplets_per_anchor=1) without a miner.",
        ],
    )


def settings() -> list[Setting]:
    heads = [(name, people, batch) for name in (*HEADS, *ALONE) for people in PEOPLE for batch in BATCHES]
    return heads + [(name, batch // PICTURES, batch) for name in MININGS for batch in BATCHES]


def label(setting: Setting) -> str:
    return "/".join(map(str, setting))


def measure(setting: Setting) -> tuple[dict[str, float], list[float]]:
    """The figures of a setting, and the quartiles of the ratios of times."""
    who = ("ours",) if setting[0] in ALONE else ("ours", "pml")
    if setting[0] in (*HEADS, "batch_hard"):
        check(setting)
    times = in_turn([step_of(name, setting) for name in who])
    processes = 3 if setting[1] <= SMALL else 1
    megabytes = [
        statistics.median(in_a_fresh_process(peak, name, setting) for _ in range(processes)) / 1e6 for name in who
    ]
    found = {"milliseconds": 1000 * statistics.median(times[0]), "megabytes": megabytes[0]}
    if len(who) == 1:
        return found, []
    ratios = [ours / theirs for ours, theirs in zip(*times)]
    found |= {"time_ratio": statistics.median(ratios), "memory_ratio": megabytes[0] / megabytes[1]}
    return found, [round(quartile, 4) for quartile in statistics.quantiles(ratios)]


def check(setting: Setting) -> None:
    """Both are the same loss."""
    features, identities = a_batch(setting)
    found, expected = (make(setting).to(features.device)(features, identities) for make in (ours, theirs))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def step_of(who: str, setting: Setting) -> Step:
    """Loss and gradients; features, weights and identities are there before and after, gradients are not."""
    features, identities = a_batch(setting)
    loss = (ours if who == "ours" else theirs)(setting).to(features.device)
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
        identities = torch.arange(batch) // PICTURES
        features += torch.randn(people, DIM, generator=generator)[identities]
    else:
        identities = torch.randint(people, (batch,), generator=generator)
    return features.to(device()).requires_grad_(), identities.to(device())


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
    once = sum(seconds(step) for step in steps for _ in range(2)) / 2  # and warm
    turns = round(min(MOST, max(LEAST, SECONDS / once)))
    times: list[list[float]] = [[] for _ in steps]
    for turn in range(turns):
        for i in range(len(steps))[:: 1 if turn % 2 else -1]:
            times[i].append(seconds(steps[i]))
    return times


def seconds(step: Step) -> float:
    wait()
    start = time.perf_counter()
    step()
    wait()
    return time.perf_counter() - start


def wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def in_a_fresh_process(function: Callable[..., float], *arguments: object) -> float:
    # Every tensor from 64 KiB on is taken from the system and given back: the allocator keeps none to be used again.
    os.environ["MALLOC_MMAP_THRESHOLD_"] = str(2**16)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def peak(who: str, setting: Setting) -> float:
    """The most bytes that a step takes beyond what is there before it."""
    torch.set_num_threads(1)
    step, steps = step_of(who, setting), LOOK_EVERY if setting[0] in MININGS else 1  # one of them with a look
    step()  # what the libraries load at first use is not the loss's
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        for _ in range(steps):
            step()
        return torch.cuda.max_memory_allocated() - before
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = _status("VmRSS")
    for _ in range(steps):
        step()
    return 1024 * (_status("VmHWM") - before)


def _status(name: str) -> int:
    """KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
