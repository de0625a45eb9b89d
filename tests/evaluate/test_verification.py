"""Verification over folds against scikit-learn and against looking at every threshold."""

import logging
import math

import numpy as np
import pytest
import torch

from dlsfaces.evaluate import verification, verification_interval


def labelled(seed=0, n=400, people=40, decimals=2):
    """Scores with ties, labels in no order, and both people of each pair."""
    generator = np.random.default_rng(seed)
    same = generator.random(n) < 0.4
    first = generator.integers(people, size=n)
    second = np.where(same, first, (first + generator.integers(1, people, size=n)) % people)
    hard = generator.normal(size=people)[first] * 0.2
    scores = np.round(same * 0.6 + hard + 0.3 * generator.normal(size=n), decimals)
    return scores, same, np.stack((first, second), 1)


def best_by_looking(scores, same):
    """Every threshold there is, from the highest; the first of the best."""
    values = np.unique(scores)[::-1]
    candidates = [math.inf, *((values[1:] + values[:-1]) / 2), -math.inf]
    return candidates[int(np.argmax([np.mean((scores > t) == same) for t in candidates]))]


@pytest.mark.parametrize("seed", range(4))
def test_folds_thresholds_and_accuracies_equal_looking_at_all(seed):
    selection = pytest.importorskip("sklearn.model_selection")
    scores, same, _ = labelled(seed, n=400)
    keep = np.concatenate((np.flatnonzero(same)[:150], np.flatnonzero(~same)[:200]))
    keep.sort()
    scores, same = scores[keep], same[keep]
    found = verification(scores, same, folds=5)
    for number, (others, here) in enumerate(selection.StratifiedKFold(5).split(scores, same)):
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
    assert verification(torch.from_numpy(scores).bfloat16(), same).accuracy == pytest.approx(given.accuracy, abs=0.01)
    assert counted.fold_accuracy.tolist() == given.fold_accuracy.tolist() and len(given.fold_accuracy) == 10
    assert given.accuracy == pytest.approx(0.89, abs=0.02) and 0 < given.standard_error < 0.01


def test_auc_and_eer_come_with_it():
    metrics = pytest.importorskip("sklearn.metrics")
    scores, same, _ = labelled()
    found = verification(scores, same)
    assert found.roc.auc == pytest.approx(metrics.roc_auc_score(same, scores))
    fpr, tpr, _ = metrics.roc_curve(same, scores)
    assert found.roc.eer == pytest.approx(fpr[np.argmin(np.abs(1 - tpr - fpr))], abs=0.03)


@pytest.mark.parametrize(
    ("scores", "same", "threshold"),
    [
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 0.5),  # in the middle of the gap
        ([0.9, 0.6, 0.4, 0.1], [1, 0, 1, 0], 0.75),  # as good as 0.25, and higher
        ([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], math.inf),  # nobody: as good as everybody, and higher
        ([0.1, 0.2, 0.3, 0.9], [1, 1, 1, 0], -math.inf),  # everybody
        ([0.5, 0.5, 0.5, 0.5], [1, 1, 0, 0], math.inf),
        ([np.nextafter(0.5, 1), np.nextafter(0.5, 1), 0.5, 0.5], [1, 1, 0, 0], 0.5),  # nothing lies between
    ],
)
def test_thresholds_of_cases_done_by_hand(scores, same, threshold):
    found = verification(scores * 2, same * 2, [0] * 4 + [1] * 4)
    assert found.fold_threshold.tolist() == pytest.approx([threshold] * 2)
    assert (found.fold_accuracy == np.mean((np.array(scores) > threshold) == np.array(same, bool))).all()


def test_interval_equals_resampling_by_hand():
    scores, same, people = labelled(n=300, people=25)
    fold = people[:, 0] % 3
    got = verification_interval(scores, same, torch.from_numpy(people), fold, level=0.9, resamples=30, seed=2)
    generator, found = np.random.default_rng(2), []
    for _ in range(30):
        drawn = np.bincount(generator.integers(25, size=25), minlength=25)
        times = np.where(same, drawn[people[:, 0]], drawn[people[:, 0]] * drawn[people[:, 1]])
        again = verification(np.repeat(scores, times), np.repeat(same, times), np.repeat(fold, times))
        found.append([again.accuracy, again.roc.eer, again.roc.auc])
    expected = np.percentile(found, [5, 95], axis=0).T
    assert list(got) == ["accuracy", "eer", "auc"]
    assert np.array(list(got.values())) == pytest.approx(expected)


def test_interval_survives_resamples_without_a_fold_or_a_kind():
    scores, same, people = labelled(n=12, people=3)
    got = verification_interval(scores, same, people, people[:, 0] % 2, resamples=60)
    assert all(0 <= low <= high <= 1 for low, high in got.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(scores=[0.1, 0.2]), "of one length"),
        (dict(scores=[0.1, math.nan, 0.3, 0.4]), "scores: number 1 is NaN"),
        (dict(same=[0, 1, 2, 1]), "not 2"),
        (dict(folds=1), "folds=1"),
        (dict(folds=3), "folds=3 of 2 positive and 2 false pairs"),
        (dict(folds=[0, 0, 1]), "4 pairs but folds of shape"),
        (dict(folds=[7, 7, 7, 7]), "at least two folds"),
        (dict(folds=[0, 1, 0, 1]), "without fold 0, no positive or no false pair"),
        (dict(same=[1, 1, 1, 1], folds=[0, 0, 1, 1]), "without fold 0"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = dict(scores=[0.1, 0.2, 0.3, 0.4], same=[1, 0, 1, 0], folds=2) | change
    with pytest.raises(ValueError, match=message):
        verification(**arguments)


def test_people_that_contradict_the_labels_are_refused():
    scores, same, people = labelled()
    with pytest.raises(ValueError, match=r"people must be \(400, 2\)"):
        verification_interval(scores, same, people[:, 0])
    people[17] = [3, 4] if same[17] else [3, 3]
    with pytest.raises(ValueError, match="pair 17: same is"):
        verification_interval(scores, same, people)


def test_no_warning_where_all_is_well(caplog):
    with caplog.at_level(logging.WARNING):
        verification(*labelled()[:2])
    assert not caplog.records
