"""Curves and verification over folds against scikit-learn and against looking at every threshold."""

import math

import numpy as np
import pytest
import torch
from scipy import interpolate, optimize
from sklearn import metrics, model_selection

from dlsfaces.evaluate import identification_rate, pair_scores, roc, verification
from tests.evaluate.embeddings import people


def test_curves_equal_scikit_learn_and_pass_through_the_identification_rate():
    query, ids, distractors = people(spread=1.5)
    query, distractors = (query * 4).round(), (distractors * 2).round() + 0.5  # with ties
    scores = pair_scores(query, ids, distractors)
    truth = np.repeat([1, 0], [len(scores.positive), len(scores.false)])
    values = np.concatenate((scores.positive, scores.false))
    curve = roc(scores)
    assert curve.auc == pytest.approx(metrics.roc_auc_score(truth, values))
    tpr = interpolate.interp1d(curve.fpr, curve.tpr)
    assert curve.eer == pytest.approx(optimize.brentq(lambda x: 1 - x - tpr(x), 0, 1), abs=1e-9)
    rate = identification_rate(query, ids, distractors, [0.1])
    assert curve.tpr[curve.threshold > rate.threshold[0]][-1] == pytest.approx(rate.tpr[0])


def best_by_looking(scores, same):
    """Every threshold there is, from the highest; the first of the best."""
    values = np.unique(scores)[::-1]
    candidates = [math.inf, *((values[1:] + values[:-1]) / 2), -math.inf]
    return candidates[int(np.argmax([np.mean((scores > t) == same) for t in candidates]))]


@pytest.mark.parametrize("seed", range(4))
def test_folds_thresholds_and_accuracies_equal_looking_at_all(seed):
    generator = np.random.default_rng(seed)
    same = generator.permutation(np.arange(350) < 150)
    scores = np.round(same * 0.6 + 0.4 * generator.normal(size=350), 2)  # with ties
    found = verification(scores, same, folds=5)
    for number, (others, here) in enumerate(model_selection.StratifiedKFold(5).split(scores, same)):
        assert found.fold_threshold[number] == pytest.approx(best_by_looking(scores[others], same[others]))
        accuracy = np.mean((scores[here] > found.fold_threshold[number]) == same[here])
        assert found.fold_accuracy[number] == pytest.approx(accuracy)
    assert found.accuracy == pytest.approx(found.fold_accuracy.mean())
    assert found.standard_error == pytest.approx(np.std(found.fold_accuracy, ddof=1) / np.sqrt(5))


def test_lfws_list_falls_into_lfws_folds():
    same = np.tile(np.repeat([True, False], 300), 10)  # ten folds, each 300 pairs of one person, then 300 of two
    scores = same + 0.4 * np.random.default_rng(0).normal(size=6000)
    given = verification(scores, same, np.repeat(np.arange(10), 600))
    counted = verification(torch.from_numpy(scores), torch.from_numpy(same))
    assert counted.fold_accuracy.tolist() == given.fold_accuracy.tolist() and len(given.fold_accuracy) == 10
    assert given.accuracy == pytest.approx(0.89, abs=0.02) and 0 < given.standard_error < 0.01


@pytest.mark.parametrize(
    ("scores", "same", "threshold"),
    [
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 0.5),  # in the middle of the gap
        ([0.9, 0.6, 0.4, 0.1], [1, 0, 1, 0], 0.75),  # as good as 0.25, and higher
        ([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], math.inf),  # nobody: as good as everybody, and higher
        ([0.1, 0.2, 0.3, 0.9], [1, 1, 1, 0], -math.inf),  # everybody
        ([np.nextafter(0.5, 1), np.nextafter(0.5, 1), 0.5, 0.5], [1, 1, 0, 0], 0.5),  # nothing lies between
    ],
)
def test_thresholds_of_cases_done_by_hand(scores, same, threshold):
    found = verification(scores * 2, same * 2, [0] * 4 + [1] * 4)
    assert found.fold_threshold.tolist() == pytest.approx([threshold] * 2)
    assert (found.fold_accuracy == np.mean((np.array(scores) > threshold) == np.array(same, bool))).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(scores=[0.1, 0.2]), "of one length"),
        (dict(scores=[0.1, math.nan, 0.3, 0.4]), "scores must be finite"),
        (dict(same=[0, 1, 2, 1]), "same True and False"),
        (dict(folds=3), "folds=3"),
        (dict(folds=[0, 0, 1]), "one number a pair"),
        (dict(folds=[0, 1, 0, 1]), "outside of every fold"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        verification(**dict(scores=[0.1, 0.2, 0.3, 0.4], same=[1, 0, 1, 0], folds=2) | change)
