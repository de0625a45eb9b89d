"""Kinds of faults that users of face recognition tools report, and how many of them the tests guard against.

    python -m benchmarks.faults

A test says with ``@pytest.mark.fault("a kind")`` what it guards against. A kind counts where it has a test and all of
its tests pass here, those on real faces included.
"""

from __future__ import annotations

import statistics
import sys
import time

import pytest
import torch

from benchmarks._record import ROOT, record
from dlsfaces.data.batches import PeopleSampler

KINDS = {
    "cache name": "a cache's or checkpoint's name leaves out what changes its content",
    "finished run": "a finished training answers for other data",
    "environment": "an environment variable, or an Accelerator, that was meant for somebody else",
    "indices": "masks, negative numbers and slices are taken for something else",
    "skipped photos": "photos are left out without a word",
    "landmark order": "landmarks in another library's order",
    "pixel range": "pixels of 0 to 255 where 0 to 1 is expected",
    "label numbering": "people numbered differently in training and validation",
    "unknown people": "-1, which is nobody, taken for a person",
    "ignored options": "an option that does not apply is accepted and ignored",
    "cells run twice": "a cell gives something else when it runs again",
    "ranks differ": "the processes of one training end with different networks",
    "few photos": "too few photos a person are noticed after the training",
    "mixed sizes": "photos of different sizes in one set",
    "no home": "no folder that can be written to",
    "endless links": "a link that leads back to itself",
    "empty folder": "what a failed download leaves hides the data that the user adds",
    "half a clone": "an interrupted installation takes itself for a whole one",
    "saved, not loadable": "a file is saved that can never be loaded",
    "obscure numbers": "numbers outside their range fail late, or with a message about something else",
    "obscure arguments": "an argument or setting in an unusual form fails obscurely",
    "slow with size": "time grows with the square of the people",
}


class Outcomes:
    """Collects, as a plug-in of pytest, whether each kind's tests passed."""

    def __init__(self) -> None:
        self.kinds: dict[str, list[str]] = {}
        self.failed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("fault"):
                self.kinds.setdefault(mark.args[0], []).append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:  # a skipped test guards nothing here
            self.failed.add(report.nodeid)


def sampler_seconds(people: int, photos: int = 4) -> float:
    """The median time of three epochs' lists of 64 people with four photos each."""
    identities = torch.arange(people).repeat_interleave(photos)
    times = []
    for epoch in range(3):
        start = time.perf_counter()
        list(PeopleSampler(identities, people=64, images_per_person=4, seed=epoch))
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    outcomes = Outcomes()
    pytest.main(["-q", "-m", "fault", "-p", "no:cacheprovider", str(ROOT / "tests")], plugins=[outcomes])
    if unknown := set(outcomes.kinds) - set(KINDS):
        sys.exit(f"tests name kinds that are not in the list: {sorted(unknown)}")
    guarded = [kind for kind in KINDS if outcomes.kinds.get(kind) and not outcomes.failed & set(outcomes.kinds[kind])]
    if missing := [kind for kind in KINDS if kind not in guarded]:
        print(f"without a test that passes: {missing}")
    figures = {
        "kinds": len(KINDS),
        "kinds_with_a_test": len(guarded),
        "tests": sum(map(len, outcomes.kinds.values())),
        "sampler_seconds@20k": sampler_seconds(20_000),
    }
    record("faults", figures, "python -m benchmarks.faults", kinds={k: outcomes.kinds.get(k, []) for k in KINDS})


if __name__ == "__main__":
    main()
