import numpy as np
import pytest

from dlsfaces.evaluate import person_bootstrap
from dlsfaces.evaluate.bootstrap import weighted_at


def test_the_interval_of_a_mean_is_the_textbooks():
    values = np.random.default_rng(0).normal(size=400)
    ((low, high),) = person_bootstrap(lambda drawn: [drawn @ values / 400], 400, resamples=2000)
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.01)
    ((inner_low, inner_high),) = person_bootstrap(lambda drawn: [drawn @ values / 400], 400, resamples=2000, level=0.5)
    assert low < inner_low < inner_high < high


def test_everybody_is_drawn_as_often_as_there_are_people():
    drawn = []
    first = person_bootstrap(lambda counts: drawn.append(counts) or [counts[0]], 7, resamples=30, seed=5)
    assert {counts.sum() for counts in drawn} == {7} and {len(counts) for counts in drawn} == {7}
    assert (first == person_bootstrap(lambda counts: [counts[0]], 7, resamples=30, seed=5)).all()
    assert len({tuple(counts) for counts in drawn}) > 20


def test_resamples_with_nothing_to_measure_are_left_out():
    found = person_bootstrap(lambda drawn: [np.nan if drawn[0] == 0 else 1, np.nan], 3)
    assert found[0].tolist() == [1, 1] and np.isnan(found[1]).all()


@pytest.mark.parametrize("change", [dict(level=0.0), dict(level=1.0), dict(level=float("nan")), dict(resamples=0)])
def test_impossible_wishes_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        person_bootstrap(lambda drawn: [1.0], 3, **change)


def test_weighted_scores_are_those_of_repeated_ones():
    generator = np.random.default_rng(0)
    scores, weights = -np.sort(-generator.choice(20, 60) / 20), generator.integers(4, size=60)
    repeated, passed = np.repeat(scores, weights), np.cumsum(weights)
    assert weighted_at(scores, passed, np.arange(passed[-1])).tolist() == repeated.tolist()
    assert weighted_at(scores, passed[:40], np.arange(passed[39])).tolist() == repeated[: passed[39]].tolist()
