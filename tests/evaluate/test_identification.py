import math
import warnings

import numpy as np
import pytest
import torch

from dlsfaces.evaluate import (
    identification_rate,
    identification_rate_difference,
    identification_rate_interval,
    pair_scores,
    pairs,
    ranks,
)
from tests.evaluate.embeddings import pairs_by_loops, people


def reference(query, ids, distractors, fprs):
    """The definition by loops in float64."""
    positive, false = pairs_by_loops(query, ids, distractors)
    ordered = sorted(false, reverse=True)
    thresholds = [ordered[math.floor(f * len(false))] for f in fprs]
    return [np.mean([p > t for p in positive]) for t in thresholds], thresholds, len(positive), len(false)


def direct(query, ids, distractors, fprs):
    """All pairs at once, sorted."""
    scores = pair_scores(query, ids, distractors)
    threshold = np.sort(scores.false)[::-1][[math.floor(fpr * len(scores.false)) for fpr in fprs]]
    return (scores.positive[:, None] > threshold).mean(0), threshold


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["float32", "float64", "numpy", "lists of ids"])
def test_equals_the_definition(seed, kind):
    query, ids, distractors = people(seed)
    fprs = [0.2, 0.001, 0.05, 0.5]
    tpr, threshold, positive, false = reference(query, ids, distractors, fprs)
    if kind == "float64":
        query, distractors = query.double(), distractors.double()
    elif kind == "numpy":
        query, ids, distractors = query.numpy(), ids.numpy(), distractors.numpy()
    elif kind == "lists of ids":
        ids = ids.tolist()
    rate = identification_rate(query, ids, distractors, fprs)
    assert rate.tpr == pytest.approx(tpr, abs=1e-12)
    assert rate.threshold == pytest.approx(threshold, abs=1e-6)
    assert (rate.positive_pairs, rate.false_pairs) == (positive, false)


def test_counts_of_a_case_done_by_hand():
    # two people; cosines: a-a' 0.8, every other pair known from the angles
    degrees = np.deg2rad([0, 36.8699, 90, 100])
    query = np.stack([np.cos(degrees), np.sin(degrees)], 1)
    distractors = np.array([[1.0, 0.0]])
    rate = identification_rate(query, [5, 5, 9, 9], distractors, [0.5, 0.2])
    assert (rate.positive_pairs, rate.false_pairs) == (2, 8)
    # false, descending: 1, .8 (distractor), .6 (37-90), .4536 (37-100), 0, 0 (0-90, distractor-90), -.17, -.17
    assert rate.threshold == pytest.approx([0.0, 0.8], abs=1e-6)  # indices 4 and 1
    assert rate.tpr[0] == 1.0


def test_ties_with_the_threshold_are_not_recognised():
    query = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    distractors = torch.tensor([[1.0, 0.0], [1.0, 0.0]])  # cosine 1 with both of the pair
    rate = identification_rate(query, [0, 0, 1], distractors, [0.2])
    assert rate.threshold[0] == 1.0 and rate.tpr[0] == 0.0


def test_huge_and_tiny_vectors_have_a_direction():
    query, ids, distractors = people()
    scale = torch.logspace(-30, 30, len(query))[:, None]
    plain = identification_rate(query, ids, distractors, [0.05])
    scaled = identification_rate(query * scale, ids, distractors * 1e-25, [0.05])
    assert scaled.tpr == pytest.approx(plain.tpr) and scaled.threshold == pytest.approx(plain.threshold, abs=1e-6)


def test_mixed_precision_is_compared_in_the_finer_one():
    query, ids, distractors = people()
    mixed = identification_rate(query.double(), ids, distractors, [0.05])
    assert mixed.threshold == pytest.approx(identification_rate(query, ids, distractors, [0.05]).threshold, abs=1e-6)


def test_distractors_may_be_missing():
    query, ids, _ = people()
    tpr, threshold, positive, false = reference(query, ids, np.empty((0, 16)), [0.1])
    for none in (None, torch.empty(0, 16)):
        rate = identification_rate(query, ids, none, [0.1])
        assert rate.tpr == pytest.approx(tpr) and rate.threshold == pytest.approx(threshold, abs=1e-6)
        assert (rate.positive_pairs, rate.false_pairs) == (positive, false)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(query_identities=torch.arange(60)), "no positive pair"),
        (dict(query_identities=torch.zeros(60, dtype=torch.int64), distractors=None), "no false pair"),
        (dict(query_identities=torch.arange(59)), "60 query vectors"),
        (dict(query_identities=torch.rand(60)), "integers"),
        (
            dict(query_identities=torch.arange(60) // 5 - 1),
            r"vector 0 is of an unknown person \(identity -1\)",
        ),
        (dict(query=torch.zeros(60, 16)), "query: vector 0 is zero"),
        (dict(distractors=torch.zeros(2, 16)), "distractors: vector 0 is zero"),
        (dict(distractors=torch.tensor([[1.0] * 16, [float("nan")] * 16])), "distractors: vector 1 holds NaN"),
        (dict(query=torch.full((60, 16), torch.inf)), "query: vector 0 holds NaN or infinity"),
        (dict(distractors=torch.ones(3, 15)), "16 numbers, distractors 15"),
        (dict(query=torch.ones(60)), r"\(count, dimension\)"),
        (dict(fprs=[0.1, 0.0]), "fpr=0.0"),
        (dict(fprs=[1.0]), "fpr=1.0"),
        (dict(fprs=[-0.1]), "fpr=-0.1"),
        (dict(fprs=[float("nan")]), "fpr=nan"),
        (dict(fprs=[1e-6]), "less than one pair"),
    ],
)
def test_bad_input_is_named(change, message):
    query, ids, distractors = people()
    arguments = dict(query=query, query_identities=ids, distractors=distractors, fprs=[0.1]) | change
    with pytest.raises(ValueError, match=message):
        identification_rate(**arguments)


def naive_tprs(scores, fpr, resamples, seed):
    """Resample people by really building each resample's pairs."""
    generator = np.random.default_rng(seed)
    tprs = []
    for _ in range(resamples):
        drawn = np.bincount(generator.integers(scores.n_people, size=scores.n_people), minlength=scores.n_people)
        copies = np.append(drawn, 1)
        false = np.repeat(scores.false, copies[scores.false_people[0]] * copies[scores.false_people[1]])
        positive = np.repeat(scores.positive, drawn[scores.positive_person])
        threshold = np.sort(false)[::-1][math.floor(fpr * len(false))]
        tprs.append((positive > threshold).mean())
    return np.array(tprs)


@pytest.mark.parametrize("fprs", [[0.01, 0.1], [0.9, 0.3]])
@pytest.mark.parametrize("count", [40, 0])
def test_interval_equals_resampling_by_hand(fprs, count):
    query, ids, distractors = people(spread=1.5, distractors=count)
    scores = pair_scores(query[7:], ids[7:], distractors)  # people of 3 and of 5 pictures
    interval = identification_rate_interval(scores, fprs, resamples=50, seed=3)
    for got, fpr in zip(interval, fprs, strict=True):
        assert got == pytest.approx(np.percentile(naive_tprs(scores, fpr, 50, 3), [2.5, 97.5]))


def test_difference_draws_the_same_people_for_both():
    query, ids, distractors = people(spread=1.5)
    noise = torch.randn(query.shape, generator=torch.Generator().manual_seed(5))
    first, second = (pair_scores(query + spoilt * noise, ids, distractors) for spoilt in (4.0, 0.0))
    found = identification_rate_difference(first, second, [0.05, 0.2], resamples=50, seed=3)
    for got, fpr in zip(found, (0.05, 0.2), strict=True):
        differences = naive_tprs(second, fpr, 50, 3) - naive_tprs(first, fpr, 50, 3)
        assert got == pytest.approx(np.percentile(differences, [2.5, 97.5]))
    assert (identification_rate_difference(second, second, [0.05], resamples=20) == 0).all()
    with pytest.raises(ValueError, match="other pairs"):
        identification_rate_difference(first, pair_scores(query[1:], ids[1:], distractors), [0.05])


def test_interval_holds_the_estimate_and_narrows_with_people():
    widths = []
    for n in (8, 60):
        query, ids, distractors = people(n=n, spread=1.5)
        rate = identification_rate(query, ids, distractors, [0.05])
        scores = pair_scores(query, ids, distractors)
        low, high = identification_rate_interval(scores, [0.05], resamples=100)[0]
        assert low <= rate.tpr[0] <= high
        widths.append(high - low)
    assert widths[1] < widths[0]
    with pytest.raises(ValueError, match="level"):
        identification_rate_interval(scores, [0.05], level=1.0)
    with pytest.raises(ValueError, match="less than one pair"):
        identification_rate_interval(scores, [1e-9])


BLOCKS = {
    "one of each": dict(side=2048, kept=2**25),
    "blocks of 16": dict(side=16, kept=2**25),
    "a sample": dict(side=2048, kept=1000, sampled=4000),
    "blocks and a sample": dict(side=32, kept=1000, sampled=4000),
    "a sample that says little": dict(side=16, kept=100, sampled=100),
    "hardly anything kept": dict(side=48, kept=8, sampled=50),
}


@pytest.mark.parametrize("blocks", BLOCKS)
@pytest.mark.parametrize(
    "shape",
    [
        dict(),
        dict(n=4, pictures=2, distractors=1, dim=2),
        dict(n=1, pictures=9, distractors=60),  # no false pairs among queries
        dict(n=40, pictures=2, distractors=0),
        dict(n=2, pictures=20, distractors=9),
        dict(n=5, pictures=3, distractors=200, dim=3),
    ],
    ids=str,
)
def test_blocks_give_what_all_pairs_at_once_give(small_blocks, shape, blocks):
    fprs = [0.3, 0.05, 0.5, 0.2501]
    for dtype in (torch.float32, torch.float64):
        query, ids, distractors = (x.to(dtype) if x.is_floating_point() else x for x in people(**shape))
        shuffled = torch.randperm(len(ids))
        query, ids = query[shuffled], ids[shuffled]
        expected = reference(query, ids.tolist(), distractors, fprs)
        small_blocks(**BLOCKS[blocks])
        rate = identification_rate(query, ids, distractors, fprs)
        tpr, threshold = direct(query, ids, distractors, fprs)
        assert (rate.threshold == threshold).all() and (rate.tpr == tpr).all()
        assert rate.threshold == pytest.approx(expected[1], abs=1e-6 if dtype == torch.float32 else 1e-14)
        assert (rate.positive_pairs, rate.false_pairs) == expected[2:]
        assert rate.tpr == pytest.approx(expected[0], abs=1e-12)


@pytest.mark.parametrize("blocks", BLOCKS)
def test_ties_and_repeated_vectors(small_blocks, blocks):
    small_blocks(**BLOCKS[blocks])
    query, ids, distractors = (x.sign() if x.is_floating_point() else x for x in people(dim=4, n=8, distractors=50))
    positive, false = pairs_by_loops(query, ids.tolist(), distractors)  # quarters, exact
    fprs = [0.01, 0.1, 0.25, 0.6]
    rate = identification_rate(query, ids, distractors, fprs)
    threshold = np.sort(false)[::-1][[math.floor(fpr * len(false)) for fpr in fprs]]
    assert rate.threshold.tolist() == threshold.tolist()
    assert rate.tpr.tolist() == (np.array(positive)[:, None] > threshold).mean(0).tolist()


@pytest.mark.parametrize("blocks", BLOCKS)
@pytest.mark.parametrize("dim", [16, 100])
def test_one_vector_for_everybody_recognises_nobody(small_blocks, dim, blocks):
    small_blocks(**BLOCKS[blocks])
    vector = torch.randn(dim)
    rate = identification_rate(vector.expand(60, dim), torch.arange(60) // 5, vector.expand(41, dim), [0.01, 0.3])
    assert rate.tpr.tolist() == [0, 0] and rate.threshold == pytest.approx([1, 1], abs=1e-6)


@pytest.mark.parametrize("descending", [True, False])
def test_sorted_distractors_need_no_second_pass(small_blocks, monkeypatch, descending):
    query, ids, distractors = people(n=20, distractors=3000)
    distractors = distractors[(distractors @ query.mean(0)).argsort(descending=descending)]
    expected = direct(query, ids, distractors, [0.01, 0.2])
    small_blocks(side=64, kept=60_000, sampled=40_000, handy=2**17)
    passes, one = [], ranks._pass
    monkeypatch.setattr(ranks, "_pass", lambda *arguments: passes.append(1) or one(*arguments))
    rate = identification_rate(query, ids, distractors, [0.01, 0.2])
    assert len(passes) == 1 and (rate.threshold == expected[1]).all() and (rate.tpr == expected[0]).all()


def test_a_sample_that_misleads_costs_passes_not_digits(small_blocks, monkeypatch):
    query, ids, distractors = people(distractors=500)
    expected = direct(query, ids, distractors, [0.01, 0.2])
    small_blocks(side=64, kept=2000, sampled=4000)
    for drawn in (-0.5, 0.5, 1.0):
        sample = np.full((5, 5), drawn, dtype=np.float32), True
        monkeypatch.setattr(pairs.Pairs, "sample", lambda self, sample=sample: sample)
        rate = identification_rate(query, ids, distractors, [0.01, 0.2])
        assert (rate.threshold == expected[1]).all() and (rate.tpr == expected[0]).all()


def test_the_same_again_and_from_any_kind_of_array(tmp_path, small_blocks):
    query, ids, distractors = people(distractors=300)
    small_blocks(side=64, kept=1000, sampled=4000)
    expected = identification_rate(query, ids, distractors, [0.05, 0.2])
    np.save(tmp_path / "d.npy", distractors.numpy())
    mapped = np.load(tmp_path / "d.npy", mmap_mode="r")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for q, d in [(query, distractors), (query.numpy(), mapped), (query.clone().requires_grad_(), mapped)]:
            rate = identification_rate(q, ids, d, [0.05, 0.2])
            assert (rate.threshold == expected.threshold).all() and (rate.tpr == expected.tpr).all()
        assert identification_rate(query.tolist(), ids.tolist(), None, [0.2]).false_pairs == 60 * 59 // 2 - 120
        half = identification_rate(query.half(), ids, distractors.bfloat16(), [0.05, 0.2])
        whole = identification_rate(query.half().float(), ids, distractors.bfloat16().float(), [0.05, 0.2])
        assert (half.threshold == whole.threshold).all() and (half.tpr == whole.tpr).all()


def test_precision_is_not_the_callers():
    query, ids, distractors = people(n=120, dim=512, distractors=700)  # where it makes a difference
    expected = identification_rate(query, ids, distractors, [0.05]).threshold
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert (identification_rate(query, ids, distractors, [0.05]).threshold == expected).all()
            assert np.quantile(pair_scores(query, ids, distractors).false, 0.95) == pytest.approx(expected[0], abs=1e-3)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_a_bad_distractor_is_named_wherever_its_block_begins(small_blocks):
    query, ids, distractors = people(distractors=300)
    distractors[217, 3] = torch.nan
    for size in (dict(side=2048, kept=2**25), dict(side=32, kept=1000), dict(side=32, kept=1000, sampled=10**5)):
        small_blocks(**size)
        with pytest.raises(ValueError, match="distractors: vector 217 holds NaN"):
            identification_rate(query, ids, distractors, [0.1])


def test_all_pairs_at_once_are_refused_before_they_fill_the_memory():
    query, ids, _ = people(n=2000)
    many = torch.ones(1, 16).expand(1_000_000, 16)
    with pytest.raises(ValueError, match=r"10,049,99\d,000 pairs are more than the 100,000,000.*identification_rate"):
        pair_scores(query, ids, many)


def test_pairs_are_listed_as_triu_indices_lists_them():
    query, ids, distractors = people(n=4, pictures=3, distractors=5)
    ids = ids.flip(0) * 10 + 7
    scores = pair_scores(query, ids, distractors)
    first, second = torch.triu_indices(12, 12, 1)
    same = ids[first] == ids[second]
    positive, false = pairs_by_loops(query, ids.tolist(), distractors)
    assert scores.positive == pytest.approx(positive, abs=1e-6) and scores.false == pytest.approx(false, abs=1e-6)
    names = np.append(np.unique(ids), 999)
    assert names[scores.positive_person].tolist() == ids[first[same]].tolist()
    people_of_false = torch.stack((ids[first[~same]], ids[second[~same]]))
    assert names[scores.false_people[:, : len(people_of_false[0])]].tolist() == people_of_false.tolist()
    assert names[scores.false_people[:, len(people_of_false[0]) :]].tolist() == [
        ids.repeat_interleave(5).tolist(),
        [999] * 60,
    ]
    assert scores.n_people == 4 and scores.pictures.tolist() == [3, 3, 3, 3]
