"""How fast the identification rate is, and how little memory it takes: against loops, and against the bare product.

    python -m benchmarks.identification_rate [--dry-run]

1,222 queries of 51 people, as in the course's set, against its 2,001 distractors and against a million, all of them
made-up vectors of 512 numbers. ``--dry-run`` records nothing.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks._record import record
from dlsfaces import evaluate
from dlsfaces.evaluate.blocked import Blocks
from dlsfaces.evaluate.pairs import checked

QUERIES, PEOPLE, DIM, BLOCK = 1222, 51, 512, 2048
SIZES = {"2001": 2001, "1m": 1_000_000}
FPRS = {"2001": (0.01, 0.05, 0.1, 0.2), "1m": (1e-6, 0.01, 0.05, 0.1, 0.2)}
REPEATS = {"2001": 15, "1m": 5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    dry_run = parser.parse_args().dry_run
    figures: dict[str, float] = {}
    spread: dict[str, list[float]] = {}
    for size, count in SIZES.items():
        inputs = embeddings(count)
        times = interleaved(
            {
                "seconds": lambda i=inputs, s=size: evaluate.identification_rate(*i, FPRS[s]),
                "matmul_seconds": lambda i=inputs: bare_product(i[0], i[2]),
            },
            REPEATS[size],
        )
        figures |= {f"{name}@{size}": statistics.median(seconds) for name, seconds in times.items()}
        spread |= {f"{name}@{size}": [min(seconds), max(seconds)] for name, seconds in times.items()}
        figures[f"ratio_to_matmul@{size}"] = figures[f"seconds@{size}"] / figures[f"matmul_seconds@{size}"]
        figures[f"peak_mib@{size}"] = in_a_fresh_process(peak_mib, count, FPRS[size])
        check = check_against_all_pairs if size == "2001" else check_counts
        check(inputs, FPRS[size])
        if size == "2001":
            figures |= against_loops(inputs, figures["seconds@2001"])
            figures["bootstrap_ms"] = 1000 * bootstrap_seconds(inputs)
        del inputs
    pairs = {size: QUERIES * count + QUERIES * (QUERIES - 1) // 2 for size, count in SIZES.items()}
    extrapolated = {"loops_hours@1m": figures["loops_seconds@2001"] * pairs["1m"] / pairs["2001"] / 3600}
    if dry_run:
        print(json.dumps({**figures, **extrapolated, "spread": spread}, indent=1))
        return
    record(
        "identification_rate",
        figures,
        "python -m benchmarks.identification_rate",
        spread=spread,
        extrapolated=extrapolated,
        notes=[
            "seconds: evaluate.identification_rate at FPR 0.01, 0.05, 0.1, 0.2, and 1e-6 with a million distractors. "
            "matmul_seconds: the same product alone, in blocks with a reused output. Medians of runs in turn.",
            "peak_mib: the most memory beyond the inputs, in a process of its own.",
            "loops_seconds: the loops of chapter 04 over all 3.2 million pairs, once. At a million distractors they "
            f"would take {extrapolated['loops_hours@1m']:.0f} hours: extrapolated from the pairs, not measured.",
            "bootstrap_ms: one resample of identification_rate_interval.",
            "Checked in the same run: at 2,001 threshold and TPR equal those of all pairs at once, bit by bit, and the "
            "loops' to 1e-6; at a million the pairs above each threshold are as many as they may be.",
        ],
    )


def embeddings(n_distractors: int) -> tuple[Tensor, Tensor, Tensor]:
    """Query, identities and distractors of length 1; people differ in some directions more than in others.

    Images of one person have a cosine of 0.5 on average, of different people 0 with a spread of 0.13.
    """
    generator = torch.Generator().manual_seed(0)
    scale = 1 / (1 + torch.arange(DIM) / 30)

    def draw(count: int) -> Tensor:
        return torch.randn(count, DIM, generator=generator).mul_(scale)

    identities = torch.arange(QUERIES) % PEOPLE
    query = F.normalize(draw(PEOPLE)[identities] + draw(QUERIES), dim=1)
    distractors = torch.empty(n_distractors, DIM)
    for part in distractors.split(BLOCK):
        torch.div(raw := draw(len(part)), raw.norm(dim=1, keepdim=True), out=part)
    return query, identities, distractors


def bare_product(query: Tensor, distractors: Tensor) -> None:
    """What no implementation can do without."""
    out = torch.empty(BLOCK, len(query))
    for part in distractors.split(BLOCK):
        torch.mm(part, query.T, out=out[: len(part)])


def interleaved(cases: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each case, run in turn, so that what else happens on the machine meets all of them."""
    for run in cases.values():
        run()  # warm
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, run in cases.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def in_a_fresh_process(function: Callable[..., float], *arguments: object) -> float:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def peak_mib(n_distractors: int, fprs: tuple[float, ...]) -> float:
    """The most memory that the metric took beyond its inputs; Linux counts it."""
    inputs = embeddings(n_distractors)
    evaluate.identification_rate(*embeddings(100), (0.1,))  # what the libraries load is not the metric's
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = _status("VmRSS")
    evaluate.identification_rate(*inputs, fprs)
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    """KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def against_loops(inputs: tuple[Tensor, Tensor, Tensor], seconds: float) -> dict[str, float]:
    """Chapter 04's loops, in full, and that they find the same."""
    rate = evaluate.identification_rate(*inputs, FPRS["2001"])
    start = time.perf_counter()
    positive, false = pairs_by_loops(*inputs)
    false.sort(reverse=True)
    thresholds = [false[math.floor(fpr * len(false))] for fpr in rate.fprs]
    tpr = [sum(p > threshold for p in positive) / len(positive) for threshold in thresholds]
    loops = time.perf_counter() - start
    np.testing.assert_allclose(rate.threshold, thresholds, atol=1e-6)
    np.testing.assert_allclose(rate.tpr, tpr, atol=1e-3)  # a pair at the threshold may fall to either side
    return {"loops_seconds@2001": loops, "speedup_over_loops@2001": loops / seconds}


def pairs_by_loops(query: Tensor, identities: Tensor, distractors: Tensor) -> tuple[list[float], list[float]]:
    """Positive and false cosines, as the chapter computes them."""

    def cosine(a: Tensor, b: Tensor) -> float:
        return float(a @ b / (a.norm() * b.norm()))

    positive, false = [], []
    for i, j in itertools.combinations(range(len(query)), 2):
        (positive if identities[i] == identities[j] else false).append(cosine(query[i], query[j]))
    for q in query:
        for d in distractors:
            false.append(cosine(q, d))
    return positive, false


def bootstrap_seconds(inputs: tuple[Tensor, Tensor, Tensor]) -> float:
    """One resample more."""
    scores, start = evaluate.pair_scores(*inputs), time.perf_counter()
    evaluate.identification_rate_interval(scores, FPRS["2001"], resamples=1)
    one = time.perf_counter() - start
    evaluate.identification_rate_interval(scores, FPRS["2001"], resamples=101)
    return (time.perf_counter() - start - 2 * one) / 100


def check_against_all_pairs(inputs: tuple[Tensor, Tensor, Tensor], fprs: tuple[float, ...]) -> None:
    """Threshold and TPR are, bit by bit, those of all pairs at once."""
    rate, scores = evaluate.identification_rate(*inputs, fprs), evaluate.pair_scores(*inputs)
    false = np.sort(scores.false)[::-1]
    threshold = false[[math.floor(fpr * len(false)) for fpr in fprs]]
    np.testing.assert_array_equal(rate.threshold, threshold)
    np.testing.assert_array_equal(rate.tpr, (scores.positive[:, None] > threshold).mean(0))


def check_counts(inputs: tuple[Tensor, Tensor, Tensor], fprs: tuple[float, ...]) -> None:
    """At most ``floor(fpr * pairs)`` false pairs lie above the threshold, and more at or above it."""
    rate = evaluate.identification_rate(*inputs, fprs)
    above, reached = np.zeros(len(fprs), dtype=np.int64), np.zeros(len(fprs), dtype=np.int64)
    for block in Blocks(checked(*inputs)).false():
        for i, threshold in enumerate(rate.threshold.tolist()):
            above[i] += (block > threshold).sum().item()
            reached[i] += (block >= threshold).sum().item()
    allowed = np.array([math.floor(fpr * rate.false_pairs) for fpr in fprs])
    if not ((above <= allowed) & (allowed < reached)).all():
        raise AssertionError(f"{allowed} pairs may lie above the thresholds: {above} do, {reached} reach them")


if __name__ == "__main__":
    main()
