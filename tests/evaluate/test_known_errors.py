"""Errors that published evaluation code makes: each is built in here, and seen to differ from what we compute."""

import logging

import numpy as np
import pytest
import torch

from dlsfaces.evaluate import cmc, identification_rate, open_set_rate, open_set_scores, pair_scores, roc, verification
from tests.evaluate.embeddings import people


def unit(x):
    return torch.nn.functional.normalize(x, dim=1)


def test_false_accept_rate_with_the_wrong_denominator():
    """Of all pairs, or of those accepted, instead of the impostors' pairs."""
    query, ids, distractors = people(spread=1.5)
    scores = pair_scores(query, ids, distractors)
    rate = identification_rate(query, ids, distractors, [0.05])
    accepted = (scores.false > rate.threshold[0]).sum(), (scores.positive > rate.threshold[0]).sum()
    assert accepted[0] == int(0.05 * len(scores.false))
    of_all = accepted[0] / (len(scores.false) + len(scores.positive))
    of_accepted = accepted[0] / sum(accepted)
    assert of_all < 0.0499 and of_accepted > 0.2
    curve = roc(scores)
    at = np.flatnonzero(curve.threshold > rate.threshold[0])[-1]
    assert curve.fpr[at] == pytest.approx(accepted[0] / len(scores.false))


def test_maximum_over_the_gallery_counted_per_pair():
    """A visitor is let in by any of the gallery: at a rate a pair, a gallery of 200 lets in nearly everybody."""
    generator = torch.Generator().manual_seed(0)
    gallery, strangers = torch.randn(200, 16, generator=generator), torch.randn(500, 16, generator=generator)
    known = gallery[:50] + 0.5 * torch.randn(50, 16, generator=generator)
    ids = torch.arange(200)
    found = open_set_scores(gallery, ids, torch.cat((known, strangers)), torch.cat((ids[:50], torch.full((500,), -1))))
    threshold = open_set_rate(found, [0.1]).threshold[0]
    similarity = unit(strangers) @ unit(gallery).T
    assert (similarity.amax(1) > threshold + 1e-6).double().mean() == 0.1
    a_pair = similarity.flatten().sort(descending=True).values[int(0.1 * similarity.numel())]
    assert (similarity.amax(1) > a_pair).double().mean() > 0.99
    one_of_200 = (similarity > threshold).double().mean()
    assert one_of_200 < 0.1 / 50


def test_threshold_chosen_on_the_fold_it_is_tested_on():
    """With noise for scores, choosing and testing on the same pairs looks better than chance; nothing is."""
    generator = np.random.default_rng(0)
    same, scores = np.tile([True, False], 3000), generator.normal(size=6000)
    found = verification(scores, same, folds=100)
    cheated = []
    for fold in range(100):
        here = slice(60 * fold, 60 * fold + 60)
        cheated.append(max(np.mean((scores[here] > t) == same[here]) for t in scores[here]))
    assert abs(found.accuracy - 0.5) < 3 * found.standard_error < 0.03
    assert np.mean(cheated) > 0.55


@pytest.mark.parametrize("dim", [2, 37, 128, 512])
def test_ties_counted_for_the_system(dim):
    """A network that gives everybody the same vector names nobody, though its own person is never beaten."""
    vector = torch.randn(dim)
    gallery, probes = vector.expand(33, dim), vector.expand(50, dim)
    identities = torch.cat((torch.arange(33).repeat(2)[:40], torch.full((10,), -1)))
    for template in ("max", "mean"):
        found = open_set_scores(gallery, torch.arange(33), probes, identities, template=template)
        assert found.rank.tolist() == [33] * 40 and cmc(found, 33).tolist() == [0] * 32 + [1]
        assert open_set_rate(found, [0.5], rank=33).tpir.tolist() == [0]
    similarity = unit(probes[:40]) @ unit(gallery).T
    optimistic = 1 + (similarity > similarity[torch.arange(40), identities[:40]][:, None] + 1e-6).sum(1)
    assert (optimistic == 1).all()


def test_an_image_with_itself_counted_as_a_positive_pair():
    query, ids, distractors = people(spread=3.0)
    rate = identification_rate(query, ids, distractors, [0.01])
    same = ids[:, None] == ids
    similarity = unit(query) @ unit(query).T
    assert rate.positive_pairs == (same.sum() - len(ids)) // 2
    with_itself = (similarity[same] > rate.threshold[0]).double().mean()
    without = (similarity[same & ~torch.eye(len(ids), dtype=torch.bool)] > rate.threshold[0]).double().mean()
    assert rate.tpr[0] == pytest.approx(without.item()) and with_itself > without + 0.15
    assert pair_scores(query, ids, distractors).positive.max() < 0.999


def test_distance_taken_for_similarity(caplog):
    """It is not turned round in silence: the numbers are bad, and a warning says why they may be."""
    generator = np.random.default_rng(0)
    same = generator.random(500) < 0.5
    distance = 1 - 0.5 * same + 0.2 * generator.normal(size=500)
    with caplog.at_level(logging.WARNING):
        wrong = verification(distance, same)
    assert "Are the scores distances?" in caplog.text
    right = verification(-distance, same)
    assert wrong.roc.auc == pytest.approx(1 - right.roc.auc) and wrong.roc.eer == pytest.approx(1 - right.roc.eer)
    assert right.accuracy > 0.85 and wrong.accuracy < 0.6
