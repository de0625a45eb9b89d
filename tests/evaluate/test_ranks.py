"""Order statistics are exact, however little is kept and however wrong the guesses are."""

import numpy as np
import pytest
import torch

from dlsfaces.evaluate import ranks
from dlsfaces.evaluate.ranks import HIGHEST, LOWEST, order_statistics, ranges_of_sample

GENERATOR = np.random.default_rng(0)
INPUTS = {
    "smooth": GENERATOR.uniform(-1, 1, 400),
    "close together": 0.3 + 1e-6 * GENERATOR.normal(size=400),
    "few values": GENERATOR.choice([-1, -0.5, 0.25, 1], 400),
    "one value": np.full(400, 0.1),
    "two neighbours": np.float32([0.5, np.nextafter(np.float32(0.5), np.float32(1))])[GENERATOR.integers(2, size=400)],
    "near zero": GENERATOR.normal(size=400) * 1e-30,
    "sorted": np.sort(GENERATOR.uniform(-1, 1, 400)),
    "a far group": np.append(np.full(390, -0.5), np.linspace(0.9, 1, 10)),
}
GUESSES = {
    "everything": lambda scores, i: [(LOWEST, HIGHEST)],
    "right": lambda scores, i: [(scores[j] - 0.01, scores[j] + 0.01) for j in i],
    "too high": lambda scores, i: [(1.0, 1.5)],
    "too low": lambda scores, i: [(-1.9, -1.5)],
    "overlapping": lambda scores, i: [(-0.5, 0.5), (0.0, 0.75), (0.75, 1.0)],
    "missing the last": lambda scores, i: [(scores[i[0]] - 0.1, scores[i[0]])],
}


def ask(monkeypatch, scores, indices, guesses, kept, dtype=np.float32):
    """The answer, and how many passes it took; blocks hold things that are no scores too."""
    monkeypatch.setattr(ranks, "_KEPT", kept)
    monkeypatch.setattr(ranks, "_HANDY", 64)
    padded = torch.from_numpy(np.append(scores.astype(dtype), np.full(16, -np.inf, dtype))).reshape(-1, 16)
    passes = []

    def blocks():
        passes.append(1)
        reused = torch.empty(9, 16, dtype=padded.dtype)
        for part in padded.split(9):
            reused.fill_(-torch.inf)[: len(part)] = part
            yield reused

    found = order_statistics(blocks, len(scores), indices, lambda: guesses, np.dtype(dtype))
    return found, len(passes)


@pytest.mark.parametrize("kept", [1, 60, 2000])
@pytest.mark.parametrize("guess", GUESSES)
@pytest.mark.parametrize("name", INPUTS)
def test_equals_sorting(monkeypatch, name, guess, kept):
    dtype = np.float64 if kept == 60 else np.float32
    scores = INPUTS[name].astype(dtype)
    descending, indices = np.sort(scores)[::-1], [120, 0, 399, 1, 121, 120, 200]
    guesses = GUESSES[guess](descending.astype(float), indices)
    found, passes = ask(monkeypatch, scores, indices, guesses, kept, dtype)
    assert found.dtype == np.float64 and (found == descending[indices]).all()
    assert passes == 1 if kept == 2000 else passes < 40


def test_good_guesses_need_one_pass_and_one_that_misses_three(monkeypatch):
    scores = INPUTS["smooth"]
    middle = float(np.sort(scores)[::-1][200])
    assert ask(monkeypatch, scores, [200], [(middle - 0.05, middle + 0.05)], 100)[1] == 1
    assert ask(monkeypatch, scores, [200], [(0.9, 1.0)], 100)[1] == 3


def test_overlapping_guesses_need_one_pass(monkeypatch):
    guesses = GUESSES["overlapping"](None, None)
    assert ask(monkeypatch, INPUTS["smooth"], [50, 100, 150, 300], guesses, 390)[1] == 1


def test_where_too_many_scores_would_be_kept_the_widest_range_is_given_up(monkeypatch):
    scores, results, one = INPUTS["sorted"], [], ranks._pass
    monkeypatch.setattr(ranks, "_pass", lambda *arguments: results.append(one(*arguments)) or results[-1])
    descending = np.sort(scores)[::-1]
    narrow, wide = (float(descending[310]), float(descending[290])), (float(descending[250]), float(descending[0]))
    found, passes = ask(monkeypatch, scores, [300, 100, 60, 200], [narrow, wide], 100)
    assert found == pytest.approx(descending[[300, 100, 60, 200]], abs=1e-7)
    assert list(results[0]) == [narrow] and len(results[0][narrow]) == 20
    assert all(sum(map(len, kept.values())) <= 100 for kept in results) and passes == len(results) > 2


def test_one_value_in_all_scores_is_found_without_keeping_them(monkeypatch):
    value = float(np.float32(0.1))
    below = float(np.nextafter(np.float32(0.1), np.float32(-1)))
    assert ask(monkeypatch, INPUTS["one value"], [7], [(below, value)], 1) == (np.array([value]), 1)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_ranges_of_a_sample_hold_the_score_though_rows_and_columns_go_together(share):
    generator, held, width = np.random.default_rng(1), 0, []
    for _ in range(25):
        rows, columns = generator.normal(size=(1000, 1)), generator.normal(size=(1, 200))
        everything = (rows + columns + generator.normal(size=(1000, 200))) / 20
        true = np.quantile(everything, 1 - share)
        sample = everything[generator.integers(1000, size=100)][:, generator.integers(200, size=60)]
        ((low, high),) = ranges_of_sample(sample, False, [share])
        held += low < true <= high
        width.append(np.mean((low < everything) & (everything <= high)))
    assert held == 25 and np.median(width) < 0.8


def test_ranges_are_narrow_where_the_columns_are_all_there_are():
    generator = np.random.default_rng(2)
    columns = generator.normal(size=(1, 50))
    sample = (columns + 0.1 * generator.normal(size=(2000, 50))) / 20
    ((low, high),) = ranges_of_sample(sample, True, [0.1])
    ((lower, higher),) = ranges_of_sample(sample, False, [0.1])
    assert lower < low < high < higher and np.mean((low < sample) & (sample <= high)) < 0.02


def test_ranges_stay_open_where_the_sample_has_nothing_to_say():
    sample = np.linspace(-0.5, 0.5, 400, dtype=np.float32).reshape(20, 20)
    ((low, high),) = ranges_of_sample(sample, True, [1e-6])
    assert high == HIGHEST and 0.3 < low < 0.5
    assert ranges_of_sample(sample, True, [1 - 1e-6])[0][0] == LOWEST
    assert ranges_of_sample(np.full((20, 20), -np.inf), True, [0.1]) == [(LOWEST, HIGHEST)]
    constant = np.full((20, 20), 0.25, dtype=np.float32)
    for share in (0.5, 1e-6):
        ((low, high),) = ranges_of_sample(constant, True, [share])
        assert high == 0.25 and low == np.nextafter(np.float32(0.25), np.float32(0))
