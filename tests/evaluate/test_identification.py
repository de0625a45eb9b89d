import math
import tracemalloc

import numpy as np
import pytest
import torch

from dlsfaces import evaluate
from dlsfaces.evaluate import blocked, identification, identification_rate, pair_scores
from tests.evaluate.embeddings import pairs_by_loops, people


def reference(query, ids, distractors, fprs):
    """The definition by loops in float64."""
    positive, false = pairs_by_loops(query, ids, distractors)
    ordered = sorted(false, reverse=True)
    thresholds = [ordered[math.floor(f * len(false))] for f in fprs]
    return [np.mean([p > t for p in positive]) for t in thresholds], thresholds, len(positive), len(false)


@pytest.mark.parametrize("kind", ["float32", "float64", "numpy", "lists of ids", "huge and tiny", "none"])
def test_equals_the_definition(kind):
    query, ids, distractors = people(distractors=0 if kind == "none" else 40)
    fprs = [0.2, 0.001, 0.05, 0.5]
    tpr, threshold, positive, false = reference(query, ids, distractors, fprs)
    if kind == "float64":
        query, distractors = query.double(), distractors.double()
    elif kind == "numpy":
        query, ids, distractors = query.numpy(), ids.numpy(), distractors.numpy()
    elif kind == "lists of ids":
        ids = ids.tolist()
    elif kind == "huge and tiny":
        query, distractors = query * torch.logspace(-30, 30, len(query))[:, None], distractors * 1e-25
    elif kind == "none":
        distractors = None
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(query_identities=torch.arange(60)), "no positive pair"),
        (dict(query_identities=[0] * 60, distractors=None), "no false pair"),
        (dict(query_identities=torch.arange(59)), "60 query vectors"),
        (dict(query_identities=torch.rand(60)), "integers"),
        (dict(query_identities=torch.arange(60) // 5 - 1), r"vector 0 is of an unknown person \(identity -1\)"),
        (dict(query=torch.zeros(60, 16)), "query: vector 0 is zero"),
        (dict(distractors=torch.tensor([[1.0] * 16, [math.nan] * 16])), "distractors: vector 1 holds NaN"),
        (dict(distractors=torch.ones(3, 15)), "distractors vectors have 15 numbers, the others 16"),
        (dict(query=torch.ones(60)), r"\(count, dimension\)"),
        (dict(fprs=[0.1, 0.0]), "fpr=0.0"),
        (dict(fprs=[1e-6]), "is less than one"),
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
    scores = pair_scores(query[7:], ids[7:], distractors)  # people of 3 and of 5 images
    interval = evaluate.identification_rate_interval(scores, fprs, resamples=50, seed=3)
    for got, fpr in zip(interval, fprs, strict=True):
        assert got == pytest.approx(np.percentile(naive_tprs(scores, fpr, 50, 3), [2.5, 97.5]))


def test_difference_draws_the_same_people_for_both():
    query, ids, distractors = people(spread=1.5)
    noise = torch.randn(query.shape, generator=torch.Generator().manual_seed(5))
    first, second = (pair_scores(query + spoilt * noise, ids, distractors) for spoilt in (4.0, 0.0))
    found = evaluate.identification_rate_difference(first, second, [0.05, 0.2], resamples=50, seed=3)
    for got, fpr in zip(found, (0.05, 0.2), strict=True):
        differences = naive_tprs(second, fpr, 50, 3) - naive_tprs(first, fpr, 50, 3)
        assert got == pytest.approx(np.percentile(differences, [2.5, 97.5]))
    assert (evaluate.identification_rate_difference(second, second, [0.05], resamples=20) == 0).all()
    with pytest.raises(ValueError, match="other pairs"):
        evaluate.identification_rate_difference(first, pair_scores(query[1:], ids[1:], distractors), [0.05])


def test_pairs_are_listed_as_triu_indices_lists_them():
    query, ids, distractors = people(n=4, images=3, distractors=5)
    ids = ids.flip(0)
    scores = pair_scores(query, 10 * ids + 7, distractors)
    first, second = torch.triu_indices(12, 12, 1)
    same = ids[first] == ids[second]
    positive, false = pairs_by_loops(query, ids.tolist(), distractors)
    assert scores.positive == pytest.approx(positive, abs=1e-6) and scores.false == pytest.approx(false, abs=1e-6)
    assert scores.positive_person.tolist() == ids[first[same]].tolist()
    assert scores.false_people[0].tolist() == [*ids[first[~same]], *ids.repeat_interleave(5)]
    assert scores.false_people[1].tolist() == [*ids[second[~same]], *[4] * 60]
    assert scores.n_people == 4 and scores.images.tolist() == [3, 3, 3, 3]


@pytest.fixture
def small_blocks(monkeypatch):
    """A function that compares block by block, and makes blocks, what is kept, and the sample small."""

    def shrink(side=32, kept=1000, sample=4000):
        monkeypatch.setattr(identification, "_AT_ONCE", 0)
        for name, size in dict(_SIDE=side, _KEPT=kept, _SAMPLE=sample, _CHUNK=100).items():
            monkeypatch.setattr(blocked, name, size)

    return shrink


BLOCKS = [dict(side=2048, kept=2**26, sample=2**23), dict(), dict(side=48, kept=8, sample=50)]


@pytest.mark.parametrize("size", BLOCKS, ids=str)
@pytest.mark.parametrize("n, images, others, dim", [(12, 5, 40, 16), (4, 2, 1, 2), (1, 9, 60, 16), (40, 2, 0, 16)])
def test_blocks_give_what_all_pairs_at_once_give(small_blocks, tmp_path, n, images, others, dim, size):
    fprs = [0.3, 0.05, 0.5, 0.2501]
    query, ids, distractors = people(0, n, images, others, dim)
    shuffled = torch.randperm(len(ids), generator=torch.Generator().manual_seed(0))
    query, ids = query[shuffled], ids[shuffled]
    expected = identification_rate(query, ids, distractors, fprs)
    small_blocks(**size)
    np.save(tmp_path / "d.npy", distractors.numpy())
    for others in (distractors, np.load(tmp_path / "d.npy", mmap_mode="r")):
        rate = identification_rate(query, ids, others, fprs)
        assert rate.threshold == pytest.approx(expected.threshold, abs=1e-6) and (rate.tpr == expected.tpr).all()
        assert (rate.positive_pairs, rate.false_pairs) == (expected.positive_pairs, expected.false_pairs)


@pytest.mark.parametrize("size", [None, *BLOCKS], ids=str)
def test_ties_and_repeated_vectors(small_blocks, size):
    if size is not None:
        small_blocks(**size)
    query, ids, distractors = (x.sign() if x.is_floating_point() else x for x in people(dim=4, n=8, distractors=50))
    fprs = [0.01, 0.1, 0.25, 0.6]
    tpr, threshold, *_ = reference(query, ids.tolist(), distractors, fprs)  # cosines are quarters, exact
    rate = identification_rate(query, ids, distractors, fprs)
    assert rate.threshold.tolist() == threshold and rate.tpr.tolist() == tpr
    vector = torch.ones(64)  # cosines of others differ in the last bit, in the middle of a product and at its edge
    rate = identification_rate(vector.expand(60, 64), torch.arange(60) // 5, vector.expand(41, 64), [0.01, 0.3])
    assert rate.tpr.tolist() == [0, 0] and rate.threshold == pytest.approx([1, 1], abs=1e-6)


@pytest.mark.parametrize("kept", [1, 60, 2000])
@pytest.mark.parametrize("guesses", [[(-2.0, 2.0)], [(1.0, 1.5)], [(-1.9, -1.5)], [(-0.5, 0.5), (0.0, 0.75)]], ids=str)
def test_values_are_those_of_sorting_however_wrong_the_guesses(monkeypatch, guesses, kept):
    monkeypatch.setattr(blocked, "_KEPT", kept)
    generator, ranks = np.random.default_rng(0), [120, 0, 399, 1, 121, 120, 200]
    for values in (
        generator.uniform(-1, 1, 400),
        0.3 + 1e-6 * generator.normal(size=400),
        generator.choice([-1, -0.5, 0.25, 1], 400),
        np.full(400, 0.1),
        np.append(np.full(390, -0.5), np.linspace(0.9, 1, 10)),
    ):
        blocks = values.astype(np.float32).reshape(10, 5, 8)
        passes = iter([blocks] * 9)
        found = blocked.select(lambda passes=passes: next(passes), 400, ranks, guesses)
        assert (found == np.sort(blocks.ravel())[::-1][ranks]).all()


def test_a_bad_distractor_is_named_wherever_its_block_begins(small_blocks):
    query, ids, distractors = people(distractors=300)
    distractors[217, 3] = torch.nan
    for sample in (400, 10**5):
        small_blocks(sample=sample)
        with pytest.raises(ValueError, match="distractors: vector 217 holds NaN"):
            identification_rate(query, ids, distractors, [0.1])


def test_all_pairs_at_once_are_refused_before_they_fill_the_memory():
    query, ids, _ = people(n=2000)
    with pytest.raises(ValueError, match=r"10,049,99\d,000 pairs are more than the 100,000,000.*identification_rate"):
        pair_scores(query, ids, torch.ones(1, 16).expand(1_000_000, 16))


def test_more_pairs_than_fit_take_little_memory():
    query, ids, distractors = people(n=100, images=10, distractors=200_000, dim=8)
    tracemalloc.start()
    rate = identification_rate(query, ids, distractors, [0.01, 0.2])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rate.false_pairs > 2e8 and peak < 300e6  # all cosines take 800 MB


@pytest.mark.fault("obscure arguments")
@pytest.mark.parametrize("form", [0.05, np.float64(0.05), torch.tensor(0.05, dtype=torch.float64), np.array(0.05)])
def test_one_rate_in_any_form_is_a_rate(form):
    query, ids, distractors = people()
    scores, wanted = pair_scores(query, ids, distractors), identification_rate(query, ids, distractors, [0.05])
    rate = identification_rate(query, ids, distractors, form)
    assert rate.fprs == (0.05,) and rate.tpr == wanted.tpr and rate.threshold == wanted.threshold
    interval = evaluate.identification_rate_interval(scores, form, resamples=5)
    assert np.array_equal(interval, evaluate.identification_rate_interval(scores, [0.05], resamples=5))
    assert evaluate.identification_rate_difference(scores, scores, form, resamples=5).tolist() == [[0, 0]]


@pytest.mark.fault("obscure arguments")
def test_several_rates_in_any_form_order_and_twice():
    query, ids, distractors = people()
    each = {fpr: identification_rate(query, ids, distractors, fpr).tpr[0] for fpr in (0.05, 0.2, 0.5)}
    for fprs in ((0.5, 0.05, 0.2), np.array([0.2, 0.2, 0.05]), torch.tensor([0.5, 0.2], dtype=torch.float64)):
        rate = identification_rate(query, ids, distractors, fprs)
        assert rate.fprs == tuple(map(float, fprs)) and rate.tpr.tolist() == [each[float(fpr)] for fpr in fprs]


NO_RATE = r"is not between 0 and 1|give one rate, or a sequence"


@pytest.mark.fault("obscure numbers")
@pytest.mark.parametrize("fprs", [0, 1, [0.1, 1.5], math.nan, [-0.1], [], None, "0.1", [[0.1]], True])
def test_what_is_no_rate_is_named(fprs):
    query, ids, distractors = people()
    with pytest.raises(ValueError, match=NO_RATE):
        identification_rate(query, ids, distractors, fprs)
    with pytest.raises(ValueError, match=NO_RATE):
        evaluate.check_pairs(ids, len(distractors), fprs)


@pytest.mark.fault("obscure numbers")
@pytest.mark.parametrize("images", range(2, 60, 3))
def test_the_least_rate_that_the_message_names_is_taken(images):
    query, ids = torch.randn(2 * images, 4), torch.arange(2).repeat_interleave(images)  # images ** 2 false pairs
    with pytest.raises(ValueError, match=r"raise it \(the least is ") as refused:
        identification_rate(query, ids, None, 1e-6)
    least = float(str(refused.value).partition("the least is ")[2].partition(")")[0])
    rate = identification_rate(query, ids, None, least)
    evaluate.check_pairs(ids, 0, least)
    assert rate.threshold[0] == np.sort(pair_scores(query, ids).false)[-2]
    with pytest.raises(ValueError, match="less than one"):
        identification_rate(query, ids, None, 0.99 * least)


@pytest.mark.fault("obscure numbers")
def test_as_many_may_pass_as_the_rate_says_though_its_product_is_rounded():
    assert [identification.how_many(rate, 100) for rate in (0.29, 0.57, 0.58, 0.07)] == [29, 57, 58, 7]
    assert [identification.how_many(1 / n, n) for n in (3, 49, 98, 103, 107)] == [1] * 5
    assert identification.how_many(math.nextafter(1, 0), 10) == 9


@pytest.mark.fault("few photos")
def test_too_few_pairs_are_told_before_there_are_embeddings():
    evaluate.check_pairs(torch.tensor([0, 0, 1, 1]), 0, 0.25)
    for ids, distractors, said in (
        ([0, 1, 2], 5, "no person has two images"),
        ([0, 0], 0, "the query has one person, and there are no distractors"),
        ([0, 0, 1, 1], 0, "fpr=0.1 of 4 false pairs is less than one: raise it .the least is 0.25., or take more"),
        ([0, 0, -1], 5, "vector 2 is of an unknown person"),
        ([], 5, "no person has two images"),
    ):
        with pytest.raises(ValueError, match=said):
            evaluate.check_pairs(torch.tensor(ids, dtype=torch.int64), distractors, 0.1)


@pytest.mark.fault("obscure arguments")
@pytest.mark.parametrize(
    ("query", "ids", "distractors", "said"),
    [
        (torch.empty(0, 4), [], None, "no person has two images"),
        (torch.ones(1, 4), [0], torch.ones(3, 4), "no person has two images"),
        (torch.ones(4), [0], None, "query must be .count, dimension., not .4,."),
        (torch.ones(3, 4), [0, 0, 1], torch.ones(2, 5), "distractors vectors have 5 numbers, the others 4"),
        (torch.ones(3, 4), [0, 0, 1], torch.ones(4), "distractors must be .count, dimension."),
        (torch.ones(3, 4) * torch.nan, [0, 0, 1], None, "query: vector 0 holds NaN"),
        (torch.ones(3, 4), [0, 0, 1], torch.tensor([[1.0, 1, 1, torch.inf]]), "distractors: vector 0 holds NaN or inf"),
        (torch.ones(3, 4), [0, 0], None, "3 query vectors but identities of shape .2,."),
        (torch.ones(3, 4), [0, 0, -1], None, "query: vector 2 is of an unknown person"),
    ],
)
def test_embeddings_that_cannot_be_compared_are_named(query, ids, distractors, said):
    for measure in (
        lambda: identification_rate(query, ids, distractors, 0.5),
        lambda: pair_scores(query, ids, distractors),
    ):
        with pytest.raises(ValueError, match=said):
            measure()
