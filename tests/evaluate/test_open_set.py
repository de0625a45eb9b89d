"""Open-set identification against loops over probes and people."""

import numpy as np
import pytest
import torch

from dlsfaces.evaluate import cmc, cmc_interval, open_set, open_set_interval, open_set_rate, open_set_scores
from dlsfaces.evaluate.open_set import OpenSetScores


def faces(gallery_images=40, probes=60):
    """A gallery of people and of unknown ones, with one image or more; probes of them, of others, of unknown ones."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(30, 8, generator=generator)
    ids = [torch.randint(-2, n, (count,), generator=generator) for n, count in ((18, gallery_images), (30, probes))]
    vectors = [centres[i] + 0.8 * torch.randn(len(i), 8, generator=generator) for i in ids]
    return vectors[0], ids[0], vectors[1], ids[1]


def by_loops(gallery_vectors, gallery_ids, probe_vectors, probe_ids, template):
    """Own score and rank of mated probes, best score of unmated ones, one probe and one person at a time."""
    g, p = (torch.nn.functional.normalize(x.double(), dim=1).numpy() for x in (gallery_vectors, probe_vectors))
    people = {}
    for row, person in enumerate(gallery_ids.tolist()):
        people.setdefault(person if person >= 0 else f"unknown {row}", []).append(g[row])
    own, rank, best = [], [], []
    for vector, person in zip(p, probe_ids.tolist()):
        if template == "max":
            scores = {name: max(vector @ image for image in images) for name, images in people.items()}
        else:
            means = {name: np.mean(images, 0) for name, images in people.items()}
            scores = {name: vector @ mean / np.linalg.norm(mean) for name, mean in means.items()}
        if person in scores:
            own.append(scores[person])
            rank.append(1 + sum(score >= own[-1] for name, score in scores.items() if name != person))
        else:
            best.append(max(scores.values()))
    return np.array(own), np.array(rank), np.array(best)


@pytest.mark.parametrize("template", ["max", "mean"])
@pytest.mark.parametrize("shape", [{}, dict(gallery_images=200), dict(gallery_images=1), dict(probes=200)], ids=str)
@pytest.mark.parametrize("block", [2**23, 500])
def test_scores_and_ranks_equal_loops(monkeypatch, block, shape, template):
    monkeypatch.setattr(open_set, "_BLOCK", block)
    inputs = faces(**shape)
    own, rank, best = by_loops(*inputs, template)
    found = open_set_scores(*inputs[:3], inputs[3].tolist(), template=template)
    assert found.own == pytest.approx(own, abs=1e-6) and found.best == pytest.approx(best, abs=1e-6)
    assert found.rank.tolist() == rank.tolist()
    mated = torch.isin(inputs[3], inputs[1][inputs[1] >= 0])
    names = np.append(inputs[3][inputs[3] >= 0].unique(), -1)  # the last is the unknown people's
    assert names[found.mated_person].tolist() == inputs[3][mated].tolist()
    assert names[found.unmated_person].tolist() == inputs[3][~mated].clamp(min=-1).tolist()
    assert found.n_people == len(names) - 1


def by_hand(**change):
    scores = dict(own=[0.9, 0.8, 0.3, 0.6], rank=[1, 2, 1, 1], best=[0.7, 0.5, 0.2, 0.1])
    people = dict(mated_person=[0, 0, 1, 2], unmated_person=[3, 3, -1, 4])
    return OpenSetScores(**{name: np.array(values) for name, values in (scores | people | change).items()}, n_people=5)


def test_a_case_done_by_hand():
    rate = open_set_rate(by_hand(), [0.25, 0.5])
    assert rate.threshold.tolist() == [0.5, 0.2]  # one of four strangers, and two, lie above
    assert rate.tpir.tolist() == [0.5, 0.75]  # first, and above: 0.9 and 0.6; 0.3 too
    assert open_set_rate(by_hand(), [0.25, 0.5], rank=2).tpir.tolist() == [0.75, 1.0]
    assert cmc(by_hand(), 3).tolist() == [0.75, 1.0, 1.0]
    for change, fpir, rank, message in (
        ({}, 0.1, 1, r"fpir=0\.1 of 4 unmated probes is less than one"),
        ({}, 0.5, 0, "rank 0"),
        (dict(best=[]), 0.5, 1, "of 0 unmated probes"),
        (dict(own=[]), 0.5, 1, "of 0 mated probes"),
    ):
        with pytest.raises(ValueError, match=message):
            open_set_rate(by_hand(**change), [fpir], rank=rank)


def resample(scores, drawn):
    """The probes of drawn people, really repeated."""
    mated, unmated = drawn[scores.mated_person], np.append(drawn, 1)[scores.unmated_person]
    own, rank, person = (np.repeat(x, mated) for x in (scores.own, scores.rank, scores.mated_person))
    best, other = (np.repeat(x, unmated) for x in (scores.best, scores.unmated_person))
    return OpenSetScores(own, rank, best, person, other, scores.n_people)


def test_intervals_equal_resampling_by_hand():
    scores, generator = open_set_scores(*faces(probes=200)), np.random.default_rng(4)
    tpir, ranks = [], []
    for _ in range(40):
        drawn = np.bincount(generator.integers(scores.n_people, size=scores.n_people), minlength=scores.n_people)
        again = resample(scores, drawn)
        tpir.append(open_set_rate(again, [0.1, 0.4], rank=2).tpir)
        ranks.append(cmc(again, 3))
    got = open_set_interval(scores, [0.1, 0.4], rank=2, level=0.8, resamples=40, seed=4)
    assert got == pytest.approx(np.percentile(tpir, [10, 90], axis=0).T)
    got = cmc_interval(scores, 3, level=0.8, resamples=40, seed=4)
    assert got == pytest.approx(np.percentile(ranks, [10, 90], axis=0).T)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(template="median"), "template='median'"),
        (dict(gallery=torch.ones(0, 8), gallery_identities=[]), "gallery is empty"),
        (dict(probes=torch.ones(0, 8), probe_identities=[]), "no probes"),
        (dict(probes=torch.ones(60, 7)), "probe vectors have 7 numbers, the others 8"),
        (dict(gallery_identities=[1, 2]), "40 gallery vectors but identities of shape"),
        (dict(probes=torch.full((60, 8), torch.nan)), "probe: vector 0 holds NaN"),
        (
            dict(gallery=torch.tensor([[1.0] * 8, [-1.0] * 8]), gallery_identities=[3, 3], template="mean"),
            "the mean of person 3's vectors is zero",
        ),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = dict(zip(("gallery", "gallery_identities", "probes", "probe_identities"), faces()))
    with pytest.raises(ValueError, match=message):
        open_set_scores(**arguments | change)


@pytest.mark.fault("obscure arguments")
def test_a_rate_alone_and_the_least_that_the_message_names():
    ids = torch.arange(3)
    scores = open_set_scores(torch.eye(3), ids, torch.rand(52, 3), torch.cat((ids, torch.full((49,), -1))))
    with pytest.raises(ValueError, match=r"fpir=0.001 of 49 unmated probes is less than one: raise it") as refused:
        open_set_rate(scores, 0.001)
    least = float(str(refused.value).partition("the least is ")[2].partition(")")[0])
    rate = open_set_rate(scores, least)
    assert rate.fpirs == (least,) and rate.threshold[0] == np.sort(scores.best)[-2]
    assert open_set_interval(scores, np.float64(0.5), resamples=3).shape == (1, 2)
