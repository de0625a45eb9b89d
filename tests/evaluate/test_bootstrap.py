import numpy as np
import pytest
import torch

from dlsfaces.evaluate.bootstrap import mean_interval, person_bootstrap


def test_the_interval_of_a_mean_is_the_textbooks():
    values = np.random.default_rng(0).normal(size=400)
    ((low, high),) = person_bootstrap(lambda drawn: [drawn @ values / 400], 400, resamples=2000)
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.01)
    with pytest.raises(ValueError, match=r"level=0\.0"):
        person_bootstrap(lambda drawn: [1.0], 3, level=0.0)


def test_everybody_is_drawn_as_often_as_there_are_people_and_nothing_to_measure_is_left_out():
    drawn = []
    found = person_bootstrap(lambda n: drawn.append(n) or [np.nan if n[0] == 0 else 1, np.nan], 7, resamples=30, seed=5)
    assert {n.sum() for n in drawn} == {7} and {len(n) for n in drawn} == {7}
    assert found[0].tolist() == [1, 1] and np.isnan(found[1]).all()


def test_the_interval_of_a_mean_of_images_is_that_over_people():
    random = torch.Generator().manual_seed(0)
    people = torch.arange(30).repeat_interleave(5)
    own = torch.rand(30, generator=random)[people]
    values = torch.rand(150, generator=random) < own
    low, high = mean_interval(values, people, resamples=4000)
    shares = np.array([values[people == person].float().mean() for person in range(30)])
    expected = person_bootstrap(lambda drawn: [(drawn * shares).sum() / 30], 30, resamples=4000)[0]
    assert (low, high) == pytest.approx(tuple(expected), abs=0.01)
    shuffled = torch.randperm(150, generator=random)
    assert mean_interval(values[shuffled], people[shuffled] + 7, resamples=4000) == (low, high)
