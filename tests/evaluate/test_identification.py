import itertools
import math

import numpy as np
import pytest
import torch

from dlsfaces.evaluate import identification_rate, identification_rate_interval, pair_scores, roc


def reference(query, ids, distractors, fprs):
    """The definition by loops in float64."""

    def cosine(a, b):
        return float(np.dot(a, b) / np.sqrt(np.dot(a, a)) / np.sqrt(np.dot(b, b)))

    query, distractors = np.asarray(query, np.float64), np.asarray(distractors, np.float64)
    positive, false = [], []
    for i, j in itertools.combinations(range(len(query)), 2):
        (positive if ids[i] == ids[j] else false).append(cosine(query[i], query[j]))
    false += [cosine(a, b) for a in query for b in distractors]
    ordered = sorted(false, reverse=True)
    thresholds = [ordered[math.floor(f * len(false))] for f in fprs]
    return [np.mean([p > t for p in positive]) for t in thresholds], thresholds, len(positive), len(false)


def people(seed=0, n=12, pictures=5, distractors=40, dim=16, spread=1.0):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(n, dim, generator=generator)
    ids = torch.arange(n).repeat_interleave(pictures)
    query = centres[ids] + spread * torch.randn(len(ids), dim, generator=generator)
    return (
        query * (1 + 9 * torch.rand(len(ids), 1, generator=generator)),
        ids,
        torch.randn(distractors, dim, generator=generator),
    )


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


def test_roc_equals_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    query, ids, distractors = people(spread=1.5)
    scores = pair_scores((query * 4).round(), ids, (distractors * 2).round() + 0.5)  # with ties
    truth = np.repeat([1, 0], [len(scores.positive), len(scores.false)])
    values = np.concatenate((scores.positive, scores.false))
    fpr, tpr, threshold = metrics.roc_curve(truth, values, drop_intermediate=False)
    curve = roc(scores)
    assert curve.fpr == pytest.approx(fpr) and curve.tpr == pytest.approx(tpr)
    assert curve.threshold == pytest.approx(threshold)
    assert curve.auc == pytest.approx(metrics.roc_auc_score(truth, values))


def test_roc_passes_through_the_identification_rate():
    query, ids, distractors = people(spread=1.5)
    rate = identification_rate(query, ids, distractors, [0.1])
    curve = roc(pair_scores(query, ids, distractors))
    at = np.flatnonzero(curve.threshold > rate.threshold[0])[-1]
    assert curve.tpr[at] == pytest.approx(rate.tpr[0])


def naive_interval(query, ids, distractors, fpr, resamples, seed, level=0.95):
    """Resample people by really building each resample's pairs."""
    scores = pair_scores(query, ids, distractors)
    generator = np.random.default_rng(seed)
    tprs = []
    for _ in range(resamples):
        drawn = np.bincount(generator.integers(scores.n_people, size=scores.n_people), minlength=scores.n_people)
        copies = np.append(drawn, 1)
        false = np.repeat(scores.false, copies[scores.false_people[0]] * copies[scores.false_people[1]])
        positive = np.repeat(scores.positive, drawn[scores.positive_person])
        threshold = np.sort(false)[::-1][math.floor(fpr * len(false))]
        tprs.append((positive > threshold).mean())
    return np.percentile(tprs, [50 * (1 - level), 50 * (1 + level)])


def test_interval_equals_resampling_by_hand():
    query, ids, distractors = people(spread=1.5)
    interval = identification_rate_interval(query, ids, distractors, [0.01, 0.1], resamples=50, seed=3)
    for got, fpr in zip(interval, [0.01, 0.1], strict=True):
        assert got == pytest.approx(naive_interval(query, ids, distractors, fpr, 50, 3))


def test_interval_holds_the_estimate_and_narrows_with_people():
    widths = []
    for n in (8, 60):
        query, ids, distractors = people(n=n, spread=1.5)
        rate = identification_rate(query, ids, distractors, [0.05])
        low, high = identification_rate_interval(query, ids, distractors, [0.05], resamples=100)[0]
        assert low <= rate.tpr[0] <= high
        widths.append(high - low)
    assert widths[1] < widths[0]
    with pytest.raises(ValueError, match="level"):
        identification_rate_interval(query, ids, distractors, [0.05], level=1.0)
