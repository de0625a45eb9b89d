import numpy as np
import pytest
import torch

from dlsfaces import rng

M = 2**64 - 1


def splitmix64(x: int) -> int:
    """The published finaliser in Python's unbounded integers."""
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 & M
    x ^= x >> 27
    x = x * 0x94D049BB133111EB & M
    return x ^ (x >> 31)


def test_uniform_is_splitmix64_counted_from_the_key():
    keys = torch.tensor([0, 1, -5, 2**62])
    expected = [
        [(splitmix64((int(k) + i * 0x9E3779B97F4A7C15) & M) >> 40) / 2**24 for i in (1, 2, 3)] for k in keys.tolist()
    ]
    assert torch.equal(rng.uniform(keys, 3).double(), torch.tensor(expected, dtype=torch.float64))


def test_keys_depend_on_every_part_and_its_place():
    keys = [int(rng.key(*parts)) for parts in [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0), (2**40, 1)]]
    assert len(set(keys)) == len(keys)
    assert torch.equal(rng.key(3, torch.arange(4)), torch.stack([rng.key(3, i) for i in range(4)]))


@pytest.mark.parametrize("parts", [(0,), (1, 2)])
def test_uniform_and_normal_have_their_moments(parts):
    keys = rng.key(*parts, torch.arange(20_000))
    u, z = rng.uniform(keys, 2).numpy(), rng.normal(keys, 2).numpy()
    assert 0 <= u.min() and u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=0.01) and u.std() == pytest.approx(12**-0.5, abs=0.01)
    assert z.mean() == pytest.approx(0, abs=0.03) and z.std() == pytest.approx(1, abs=0.03)
    assert abs(np.corrcoef(u.T)[0, 1]) < 0.03 and abs(np.corrcoef(z.T)[0, 1]) < 0.03
    assert abs(np.corrcoef(u[:-1, 0], u[1:, 0])[0, 1]) < 0.03  # neighbouring keys


def test_dice_stay_in_their_ranges_and_forks_do_not_depend_on_what_was_drawn():
    dice, drawn = rng.Dice(4), rng.Dice(4)
    values = [drawn.integer(2, 5) for _ in range(400)]
    assert set(values) == {2, 3, 4, 5}
    assert all(3 <= drawn.log(3, 9) < 9 for _ in range(100))
    assert 0.2 < sum(drawn.happens(0.3) for _ in range(500)) / 500 < 0.4
    assert dice.fork(1)() == drawn.fork(1)() != drawn.fork(2)()
