"""Landmark errors against sums by hand."""

import math

import numpy as np
import pytest
import torch

from dlsfaces.evaluate import box_size, cumulative_error_curve, landmark_score

NAN, INF = math.nan, math.inf
FACE = [[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]]  # the eyes are 40 pixels apart


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
    by_box = landmark_score(found, true, normaliser="box")
    assert by_box.per_face * math.sqrt(3.0 * 3.4) == pytest.approx(score.per_face, nan_ok=True)
    assert box_size(true[:1]).item() == pytest.approx(math.sqrt(3.0 * 3.4) * 40)
    found[1, 2] = INF  # nothing found is a failure
    failed = landmark_score(found, true)
    assert failed.nme == INF and (failed.failure_rate, failed.area) == (score.failure_rate, score.area)


def test_68_landmarks_have_their_own_lengths():
    true = torch.full((1, 68, 2), 50.0)
    true[0, [36, 45, 8]] = torch.tensor([[30.0, 40.0], [60.0, 80.0], [50.0, 120.0]])  # eyes and chin
    for normaliser, length in (("eyes", 50), ("box", math.sqrt(30 * 80)), (torch.tensor([20]), 20)):
        score = landmark_score(true + torch.tensor([3.0, 4.0]), true, normaliser=normaliser)
        assert score.nme == pytest.approx(5 / length)


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
        (lambda f, t: (f[:1], t), "eyes", r"predicted and true must be .* not \(1, 5, 2\) and \(9, 5, 2\)"),
        (lambda f, t: (f[:, :4], t[:, :4]), "eyes", "landmarks must be .* or give lengths"),
        (lambda f, t: (f, torch.full_like(t, NAN)), "eyes", "some known"),
        (lambda f, t: (f, t), "pupils", "normaliser='pupils' is neither 'eyes' nor 'box'"),
        (lambda f, t: (f, t), torch.ones(3), r"normaliser: 9 faces but lengths \(3,\)"),
    ],
)
def test_impossible_landmarks_are_refused(change, normaliser, message):
    true = torch.tensor([FACE] * 9)
    with pytest.raises(ValueError, match=message):
        landmark_score(*change(true + 1, true), normaliser=normaliser)


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
