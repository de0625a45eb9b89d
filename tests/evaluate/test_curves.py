import numpy as np
import pytest

from dlsfaces.evaluate import PairScores, Roc, det, identification_rate, pair_scores, roc
from dlsfaces.evaluate.curves import labelled_roc
from tests.evaluate.embeddings import people


def with_ties():
    query, ids, distractors = people(spread=1.5)
    scores = pair_scores((query * 4).round(), ids, (distractors * 2).round() + 0.5)
    truth = np.repeat([1, 0], [len(scores.positive), len(scores.false)])
    return scores, truth, np.concatenate((scores.positive, scores.false))


def test_roc_equals_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    scores, truth, values = with_ties()
    fpr, tpr, threshold = metrics.roc_curve(truth, values, drop_intermediate=False)
    curve = roc(scores)
    assert curve.fpr == pytest.approx(fpr) and curve.tpr == pytest.approx(tpr)
    assert curve.threshold == pytest.approx(threshold)
    assert curve.auc == pytest.approx(metrics.roc_auc_score(truth, values))


def test_a_weighted_roc_equals_scikit_learn_and_repeating_the_pairs():
    metrics = pytest.importorskip("sklearn.metrics")
    _, truth, values = with_ties()
    weights = np.random.default_rng(0).integers(3, size=len(truth))
    curve = labelled_roc(values, truth == 1, weights)
    fpr, tpr, threshold = metrics.roc_curve(truth, values, sample_weight=weights, drop_intermediate=False)
    at = np.isin(curve.threshold, threshold)  # scikit-learn leaves out what has no weight
    assert curve.fpr[at] == pytest.approx(fpr) and curve.tpr[at] == pytest.approx(tpr)
    repeated = labelled_roc(np.repeat(values, weights), np.repeat(truth == 1, weights))
    assert (curve.auc, curve.eer) == pytest.approx((repeated.auc, repeated.eer))


def test_det_equals_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    scores, truth, values = with_ties()
    fmr, fnmr, threshold = metrics.det_curve(truth, values)
    curve = det(roc(scores))
    at = np.searchsorted(-curve.threshold, -threshold[::-1])  # scikit-learn leaves out where nothing changes any more
    assert curve.fmr[at] == pytest.approx(fmr[::-1]) and curve.fnmr[at] == pytest.approx(fnmr[::-1])


def test_eer_is_where_the_two_errors_meet():
    optimize, interpolate = pytest.importorskip("scipy.optimize"), pytest.importorskip("scipy.interpolate")
    curve = roc(with_ties()[0])
    tpr = interpolate.interp1d(curve.fpr, curve.tpr)
    assert curve.eer == pytest.approx(optimize.brentq(lambda x: 1 - x - tpr(x), 0, 1), abs=1e-9)


@pytest.mark.parametrize(
    ("positive", "false", "eer"),
    [([0.9, 0.8], [0.1, 0.2], 0.0), ([0.1], [0.9], 1.0), ([0.5], [0.5], 0.5), ([3, 1], [2, 0], 0.5)],
)
def test_eer_of_cases_done_by_hand(positive, false, eer):
    nobody = np.zeros(1, dtype=int)
    assert roc(PairScores(np.array(positive), np.array(false), nobody, nobody, nobody)).eer == pytest.approx(eer)


def test_roc_passes_through_the_identification_rate():
    query, ids, distractors = people(spread=1.5)
    rate = identification_rate(query, ids, distractors, [0.1])
    curve = roc(pair_scores(query, ids, distractors))
    assert isinstance(curve, Roc)
    at = np.flatnonzero(curve.threshold > rate.threshold[0])[-1]
    assert curve.tpr[at] == pytest.approx(rate.tpr[0])
