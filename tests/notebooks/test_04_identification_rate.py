"""The measures as chapter 04 defines them, slowly, against the package's."""

import matplotlib
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dlsfaces import evaluate, plots
from tests.from_notebook import definitions

matplotlib.use("agg")
slow, fast, with_people, slow_open_set, accepted_and_rejected = definitions(
    "notebooks/04_identification_rate",
    *("slow_identification_rate", "fast_identification_rate", "with_people", "slow_open_set", "accepted_and_rejected"),
)


def faces(seed):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, (19,), generator=generator)
    query = torch.randn(5, 6, generator=generator)[ids] + 0.7 * torch.randn(19, 6, generator=generator)
    return F.normalize(query, dim=1), ids, F.normalize(torch.randn(30, 6, generator=generator), dim=1)


@pytest.mark.parametrize("fpr", [0.01, 0.1, 0.75])
def test_loops_one_matrix_and_the_package_agree(fpr):
    for seed in range(3):
        query, ids, distractors = faces(seed)
        rate = evaluate.identification_rate(3 * query, ids, distractors, fpr)
        for taught in (slow, fast):
            assert taught(3 * query, ids, distractors, fpr) == pytest.approx((rate.tpr[0], rate.threshold[0]), abs=1e-6)


def test_drawing_people_gives_the_package_s_interval():
    query, ids, distractors = faces(0)
    found, generator = evaluate.pair_scores(query, ids, distractors), np.random.default_rng(7)
    n = found.n_people
    drawn = [np.bincount(generator.integers(n, size=n), minlength=n) for _ in range(30)]
    taught = np.percentile([with_people(found, some, 0.05) for some in drawn], [2.5, 97.5])
    assert taught == pytest.approx(evaluate.identification_rate_interval(found, 0.05, resamples=30, seed=7)[0])


def test_open_set_agrees_also_where_scores_are_equal():
    query, ids, strangers = faces(1)
    first = torch.tensor([int((ids == i).nonzero()[0, 0]) for i in ids.unique()])
    probes = torch.ones(len(ids), dtype=torch.bool).index_fill(0, first, False)
    for vectors in (query, torch.tensor([1.0, 0, 0, 0, 0, 0]).expand(len(ids), -1)):
        asked = torch.cat((vectors[probes], strangers))
        who = torch.cat((ids[probes], torch.full((len(strangers),), -1)))
        found = evaluate.open_set_scores(vectors[first], ids[first], asked, who)
        rate = evaluate.open_set_rate(found, 0.1)
        taught = slow_open_set(vectors[first], ids[first], vectors[probes], ids[probes], strangers, 0.1)
        assert taught == pytest.approx((evaluate.cmc(found, 1)[0], rate.tpir[0], rate.threshold[0]), abs=1e-6)
    assert taught[0] == 0  # one vector for everybody


def test_the_plot_holds_all_pairs_and_its_right_half_is_the_tpr():
    query, ids, distractors = faces(2)
    found = evaluate.pair_scores(query, ids, distractors)
    rate = evaluate.identification_rate(query, ids, distractors, 0.1)
    figure, axes = plots.plt.subplots()
    accepted_and_rejected(axes, found, rate.threshold[0])
    genuine, impostor = np.array([bar.get_height() for bar in axes.patches]).reshape(2, 80)
    assert genuine.sum() == pytest.approx(1) and impostor.sum() == pytest.approx(-1)
    assert genuine[40:].sum() == pytest.approx(rate.tpr[0])  # what is accepted
    plots.plt.close(figure)
