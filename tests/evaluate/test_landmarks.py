"""Landmark errors against plain loops, sums by hand, and ways to get them wrong."""

import math

import numpy as np
import pytest
import torch

from dlsfaces.evaluate import box_size, cumulative_error_curve, landmark_score

NAN, INF = math.nan, math.inf
FACE = [[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]]  # the eyes are 40 pixels apart


def faces(points=5, unknown=0.0):
    """Found and true landmarks of 60 faces of many sizes, some points other than the eyes unknown; float64."""
    generator = np.random.default_rng(0)
    rest = np.array(FACE) if points == 5 else generator.uniform(0, 100, (68, 2))
    size = generator.uniform(0.3, 3, (60, 1, 1))
    true = size * (rest + generator.normal(size=(60, points, 2))) + generator.uniform(0, 200, (60, 1, 2))
    found = true + size * generator.gamma(1.0, 2.0, (60, 1, 1)) * generator.normal(size=(60, points, 2))
    lost = generator.random((60, points)) < unknown
    lost[:, [0, 1] if points == 5 else [36, 45]] = False
    true[lost] = NAN
    return torch.from_numpy(found), torch.from_numpy(true)


def eyes_apart(t):
    a, b = (0, 1) if len(t) == 5 else (36, 45)
    return math.dist(t[a], t[b])


def box_side(t):
    if len(t) == 5:
        return math.sqrt(3.0 * 3.4) * eyes_apart(t)
    xs, ys = zip(*t)
    return math.sqrt((max(xs) - min(xs)) * (max(ys) - min(ys)))


@pytest.mark.parametrize(
    ("normaliser", "points", "unknown"),
    [("eyes", 5, 0.3), ("eyes", 68, 0.3), ("box", 5, 0.3), ("box", 68, 0.0), ("lengths", 68, 0.2)],
)
def test_scores_equal_plain_loops(normaliser, points, unknown):
    found, true = faces(points, unknown)
    length, limit = (eyes_apart, 0.1) if normaliser == "eyes" else (box_side, 0.03)
    lengths = torch.linspace(10, 90, 60)
    score = landmark_score(found, true, normaliser=lengths if normaliser == "lengths" else normaliser, limit=limit)
    rows, table = [], []
    for f, t, given in zip(found.tolist(), true.tolist(), lengths.tolist()):
        side = given if normaliser == "lengths" else length(t)
        table.append([math.dist(a, b) / side for a, b in zip(f, t)])
        rows.append([error for error in table[-1] if not math.isnan(error)])
    means, every = [sum(row) / len(row) for row in rows], [error for row in rows for error in row]
    assert score.per_face == pytest.approx(means) and score.per_landmark == pytest.approx(np.nanmean(table, 0))
    assert score.nme == pytest.approx(sum(means) / 60) and score.failure_rate == sum(m > limit for m in means) / 60
    assert score.area == pytest.approx(1 - sum(min(m, limit) for m in means) / 60 / limit)
    assert score.pck == pytest.approx(sum(e <= limit for e in every) / len(every))


def test_a_score_by_hand():
    true = torch.tensor([FACE, FACE, FACE, FACE])
    true[1] *= 2  # its eyes are 80 pixels apart
    true[2, 2:] = NAN
    true[3] = NAN
    found = torch.nan_to_num(true, 7.0)
    found[0, 2] += torch.tensor([3.0, 4.0])  # 5 of 40
    found[1, 4] += torch.tensor([48.0, 64.0])  # 80 of 80
    found[2, 0, 1] -= 4  # a tenth, the limit itself
    score = landmark_score(found, true)
    assert np.allclose(score.per_face, [0.025, 0.2, 0.05, NAN], equal_nan=True)
    assert score.nme == pytest.approx(0.275 / 3) and score.failure_rate == pytest.approx(1 / 3)
    assert score.pck == pytest.approx(10 / 12) and score.area == pytest.approx((0.75 + 0 + 0.5) / 3)
    assert score.per_landmark.tolist() == pytest.approx([0.1 / 3, 0, 0.0625, 0, 0.5])
    assert box_size(true[:1]).item() == pytest.approx(3.19 * 40, rel=2e-3)
    found[1, 2] = INF  # nothing found is a failure
    failed = landmark_score(found, true)
    assert failed.nme == INF and (failed.failure_rate, failed.area) == (score.failure_rate, score.area)


def eyes(t):
    return (t[:, 0] - t[:, 1]).norm(dim=1)


WRONG = {
    "normalised after averaging over faces": lambda f, t: (f - t).norm(dim=2).mean() / eyes(t).mean(),
    "squared": lambda f, t: ((f - t).square().sum(2) / eyes(t)[:, None]).mean(),
    "root of the mean square": lambda f, t: ((f - t).square().sum(2).mean(1).sqrt() / eyes(t)).mean(),
    "along the axes": lambda f, t: ((f - t).abs().sum(2) / eyes(t)[:, None]).mean(),
    "divided by the predicted eyes": lambda f, t: ((f - t).norm(dim=2) / eyes(f)[:, None]).mean(),
    "failures dropped": lambda f, t: (lambda e: e[e <= 0.1].mean())((f - t).norm(dim=2).mean(1) / eyes(t)),
}


@pytest.mark.parametrize("name", WRONG)
def test_known_wrong_ways_give_other_numbers(name):
    found, true = faces()
    assert float(WRONG[name](found, true)) != pytest.approx(landmark_score(found, true).nme, rel=0.01)


def changed(tensor, place, value):
    tensor = tensor.clone()
    tensor[place] = value
    return tensor


@pytest.mark.parametrize(
    ("change", "normaliser", "message"),
    [
        (lambda f, t: (changed(f, (4, 2, 0), NAN), t), "eyes", "predicted: NaN .* in face 4"),
        (lambda f, t: (f, changed(t, (1, 3, 1), INF)), "eyes", "true: infinity .* in face 1"),
        (lambda f, t: (f, changed(t, (5, 0), t[5, 1])), "eyes", "normaliser: not above 0 .* in face 5"),
        (lambda f, t: (f[:1], t), "eyes", r"predicted and true must be .* not \(1, 5, 2\) and \(60, 5, 2\)"),
        (lambda f, t: (f[:, :4], t[:, :4]), "eyes", "landmarks must be .* or give lengths"),
        (lambda f, t: (f, torch.full_like(t, NAN)), "eyes", "some known"),
        (lambda f, t: (f, t), "pupils", "normaliser='pupils' is neither 'eyes' nor 'box'"),
        (lambda f, t: (f, t), torch.ones(3), r"normaliser: 60 faces but lengths \(3,\)"),
    ],
)
def test_impossible_landmarks_are_refused(change, normaliser, message):
    with pytest.raises(ValueError, match=message):
        landmark_score(*change(*faces()), normaliser=normaliser)


def test_the_area_is_that_of_a_fine_grid_and_the_mean_of_what_is_left():
    errors = np.random.default_rng(0).gamma(2, 0.03, size=83).round(3)
    errors[::9] = INF
    curve = cumulative_error_curve(errors)
    assert curve.area == pytest.approx(1 - np.minimum(errors, 0.1).mean() / 0.1)
    grid = np.linspace(0, 0.1, 50_001)
    assert curve.area == pytest.approx((errors <= grid[:, None]).mean(), abs=1e-4)
    assert (curve.share == [(errors <= e).mean() for e in curve.error]).all()
    by_hand = cumulative_error_curve([0.05, 0.02, 0.3, 0.05, INF, NAN])
    assert by_hand.error.tolist() == [0, 0.02, 0.05, 0.1] and by_hand.share.tolist() == [0, 0.2, 0.6, 0.6]
    for bad in ([0.1, -0.1], [NAN], 0.1):
        with pytest.raises(ValueError, match="errors must be distances"):
            cumulative_error_curve(bad)
