"""Landmark errors against plain loops, sums by hand, and ways to get them wrong."""

import math

import numpy as np
import pytest
import torch

from dlsfaces import geometry
from dlsfaces.evaluate import (
    CumulativeErrors,
    box_size,
    cumulative_error_curve,
    eye_distance,
    landmark_errors,
    landmark_score,
    nme_by,
    nme_interval,
)

NAN, INF = math.nan, math.inf
FACE = [[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]]  # the eyes are 40 pixels apart


def faces(n=60, points=5, seed=0, noise=2.0, unknown=0.0):
    """Found and true landmarks of faces of many sizes, some points other than the eyes unknown; float64."""
    generator = np.random.default_rng(seed)
    rest = np.array(FACE) if points == 5 else generator.uniform(0, 100, (68, 2))
    size = generator.uniform(0.3, 3, (n, 1, 1))
    true = size * (rest + generator.normal(size=(n, points, 2))) + generator.uniform(0, 200, (n, 1, 2))
    found = true + size * generator.gamma(1.0, noise, (n, 1, 1)) * generator.normal(size=(n, points, 2))
    lost = generator.random((n, points)) < unknown
    lost[:, [0, 1] if points == 5 else [36, 45]] = False
    true[lost] = NAN
    return torch.from_numpy(found), torch.from_numpy(true)


def looped(found, true, length, limit=0.1):
    """All measures by plain loops; ``length`` gives what a face's errors are divided by."""
    table = []
    for f, t in zip(found.double().tolist(), true.double().tolist()):
        unit = length(t)
        known = [not any(math.isnan(x) for x in point) for point in t]
        table.append([math.dist(a, b) / unit if k else None for a, b, k in zip(f, t, known)])
    rows = [[e for e in row if e is not None] for row in table]
    means = [sum(row) / len(row) for row in rows if row]
    columns = [[e for e in column if e is not None] for column in zip(*table)]
    points = [e for row in rows for e in row]
    return {
        "nme": sum(means) / len(means),
        "failure_rate": sum(m > limit for m in means) / len(means),
        "area": 1 - sum(min(m, limit) for m in means) / len(means) / limit,
        "pck": sum(e <= limit for e in points) / len(points),
        "per_landmark": [sum(c) / len(c) if c else NAN for c in columns],
        "per_face": [sum(row) / len(row) if row else NAN for row in rows],
        "faces": len(means),
    }


def same(score, wanted):
    return all(np.allclose(getattr(score, k), v, rtol=1e-12, atol=1e-14, equal_nan=True) for k, v in wanted.items())


def eyes_apart(t):
    a, b = (0, 1) if len(t) == 5 else (36, 45)
    return math.dist(t[a], t[b])


def box_side(t):
    if len(t) == 5:
        return math.sqrt(3.0 * 3.4) * eyes_apart(t)
    xs, ys = zip(*t)
    return math.sqrt((max(xs) - min(xs)) * (max(ys) - min(ys)))


# --- lengths -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [5, 68])
def test_lengths_equal_plain_ones(points):
    _, true = faces(points=points)
    assert eye_distance(true).tolist() == pytest.approx([eyes_apart(t) for t in true.tolist()], rel=1e-12)
    assert box_size(true).tolist() == pytest.approx([box_side(t) for t in true.tolist()], rel=1e-12)


def test_lengths_by_hand():
    face = torch.tensor([FACE])
    assert eye_distance(face).tolist() == [40]
    x1, y1, x2, y2 = geometry.face_box(face)[0].tolist()
    assert box_size(face).item() == pytest.approx(math.sqrt((x2 - x1) * (y2 - y1)), rel=1e-6)
    assert box_size(face).item() == pytest.approx(3.19 * 40, rel=2e-3)
    many = torch.full((1, 68, 2), 50.0)
    many[0, 36], many[0, 45], many[0, 8] = torch.tensor([30.0, 40]), torch.tensor([60.0, 80]), torch.tensor([50.0, 120])
    assert eye_distance(many).tolist() == [50] and box_size(many).item() == pytest.approx(math.sqrt(30 * 80))


def test_lengths_are_unknown_where_a_point_is_that_they_need():
    _, true = faces(3, 68)
    true[1, 8, 0] = NAN
    assert eye_distance(true).isnan().tolist() == [False] * 3 and box_size(true).isnan().tolist() == [
        False,
        True,
        False,
    ]
    five = torch.tensor([FACE, FACE])
    five[0, 1, 1] = NAN
    assert eye_distance(five).isnan().tolist() == box_size(five).isnan().tolist() == [True, False]


@pytest.mark.parametrize("length", [eye_distance, box_size])
@pytest.mark.parametrize("shape", [(2, 7, 2), (5, 2), (2, 5, 3)])
def test_lengths_of_other_landmarks_are_refused(length, shape):
    with pytest.raises(ValueError, match=r"landmarks must be .* of your own"):
        length(torch.zeros(shape))


def test_nothing_overflows_in_half_precision():
    true = 500 * torch.rand(4, 68, 2, generator=torch.Generator().manual_seed(0))  # areas above half's 65504
    assert box_size(true.half()).tolist() == pytest.approx(box_size(true).tolist(), rel=2e-3)
    assert box_size(true.half()).dtype == eye_distance(true.half()).dtype == torch.float64


# --- errors and scores ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("normaliser", "points", "unknown"),
    [("eyes", 5, 0.0), ("eyes", 5, 0.3), ("eyes", 68, 0.3), ("box", 5, 0.3), ("box", 68, 0.0)],
)
def test_scores_equal_plain_loops(normaliser, points, unknown):
    found, true = faces(points=points, unknown=unknown)
    length, limit = (eyes_apart, 0.1) if normaliser == "eyes" else (box_side, 0.03)
    wanted = looped(found, true, length, limit)
    score = landmark_score(found, true, normaliser=normaliser, limit=limit)
    assert same(score, wanted) and 0 < score.failure_rate < 1 and 0 < score.pck < 1
    assert [a.dtype for a in (score.per_face, score.per_landmark)] == [np.float64] * 2


def test_scores_of_lengths_of_ones_own_and_of_any_number_of_points():
    found, true = faces(points=68, unknown=0.2)
    found, true = found[:, 30:47], true[:, 30:47]
    lengths = torch.linspace(10, 90, 60)
    given = iter(lengths.tolist())
    assert same(
        landmark_score(found, true, normaliser=lengths, limit=0.3), looped(found, true, lambda t: next(given), 0.3)
    )


def test_a_score_by_hand():
    true = torch.tensor([FACE, FACE, FACE, FACE])
    true[1] *= 2  # its eyes are 80 pixels apart
    true[2, 2:] = NAN
    true[3] = NAN
    found = torch.nan_to_num(true, 7.0)
    found[0, 2] += torch.tensor([3.0, 4.0])  # 5 of 40
    found[1, 4] += torch.tensor([48.0, 64.0])  # 80 of 80
    found[2, 0, 1] -= 4  # a tenth, the limit itself
    errors = landmark_errors(found, true)
    wanted = [[0, 0, 0.125, 0, 0], [0, 0, 0, 0, 1], [0.1, 0, NAN, NAN, NAN], [NAN] * 5]
    assert np.allclose(errors, wanted, atol=1e-15, equal_nan=True) and errors.dtype == torch.float64
    score = landmark_score(found, true)
    assert np.allclose(score.per_face, [0.025, 0.2, 0.05, NAN], equal_nan=True) and score.faces == 3
    assert score.nme == pytest.approx(0.275 / 3) and score.failure_rate == pytest.approx(1 / 3)
    assert score.pck == pytest.approx(10 / 12)
    assert score.area == pytest.approx((0.75 + 0 + 0.5) / 3)
    assert score.per_landmark.tolist() == pytest.approx([0.1 / 3, 0, 0.0625, 0, 0.5])


def test_a_mean_at_the_limit_is_no_failure():
    true = torch.tensor([FACE])
    score = landmark_score(true + torch.tensor([0.0, 4.0]), true)
    assert (score.nme, score.failure_rate, score.pck, score.area) == (0.1, 0, 1, 0)
    beyond = landmark_score(true + torch.tensor([0.0, 4.001]), true)
    assert (beyond.failure_rate, beyond.pck, beyond.area) == (1, 0, 0)


def test_a_landmark_that_nobody_knows_has_no_error():
    found, true = faces()
    true[:, 3] = NAN
    score = landmark_score(found, true)
    assert np.isnan(score.per_landmark).tolist() == [False, False, False, True, False]
    assert score.faces == 60 and np.isfinite(score.nme)


def test_half_a_point_is_no_point():
    found, true = faces()
    true[:, 2, 1] = NAN
    assert landmark_errors(found, true)[:, 2].isnan().all()
    found[:, 2] = NAN  # where nothing is known, nothing need be found
    assert np.isfinite(landmark_score(found, true).nme)


WRONG = {
    "normalised after averaging over faces": lambda f, t: (f - t).norm(dim=2).mean() / eye_distance(t).mean(),
    "squared": lambda f, t: ((f - t).square().sum(2) / eye_distance(t)[:, None]).mean(),
    "root of the mean square": lambda f, t: ((f - t).square().sum(2).mean(1).sqrt() / eye_distance(t)).mean(),
    "along the axes": lambda f, t: ((f - t).abs().sum(2) / eye_distance(t)[:, None]).mean(),
    "divided by the predicted eyes": lambda f, t: ((f - t).norm(dim=2) / eye_distance(f)[:, None]).mean(),
    "failures dropped": lambda f, t: (lambda e: e[e <= 0.1].mean())((f - t).norm(dim=2).mean(1) / eye_distance(t)),
}


@pytest.mark.parametrize("name", WRONG)
def test_known_wrong_ways_give_other_numbers(name):
    found, true = faces()
    right = looped(found, true, eyes_apart)["nme"]
    assert landmark_score(found, true).nme == pytest.approx(right, rel=1e-12)
    assert float(WRONG[name](found, true)) != pytest.approx(right, rel=0.01)


def test_points_are_averaged_within_a_face_first():
    true = torch.tensor([FACE, FACE])
    true[1, 1:] = NAN  # one point of this face counts as much as five of the other
    found = torch.nan_to_num(true) + torch.tensor([[[0.0, 4.0]], [[0.0, 12.0]]])
    score = landmark_score(found, true, normaliser=torch.tensor([40.0, 40.0]))
    assert score.nme == pytest.approx(0.2) and score.pck == pytest.approx(5 / 6)


def test_a_face_where_nothing_was_found_is_a_failure():
    found, true = faces(10, noise=0.5)
    fine = landmark_score(found, true)
    found[3], found[7, 2, 0] = INF, -INF
    score = landmark_score(found, true)
    assert score.nme == INF and score.faces == 10 and np.flatnonzero(np.isinf(score.per_face)).tolist() == [3, 7]
    others = np.delete(fine.per_face, [3, 7])
    assert score.failure_rate == pytest.approx(((others > 0.1).sum() + 2) / 10)
    assert score.area == pytest.approx(np.maximum(1 - others / 0.1, 0).sum() / 10)
    errors = landmark_errors(found, true).numpy()
    assert np.isinf(errors).sum() == 6 and score.pck == (errors <= 0.1).sum() / 50


@pytest.mark.parametrize("mirrored", [False, True])
def test_similarities_of_both_change_nothing(mirrored):
    found, true = faces(unknown=0.2)
    angle, scale, shift = torch.tensor([0.7]), torch.tensor([2.5]), torch.tensor([-90.0, 400.0])
    matrix = geometry.turned(angle, scale, torch.zeros(2), shift)[0].double()
    matrix = matrix * torch.tensor([[-1.0], [1.0]]) if mirrored else matrix
    moved = landmark_score(geometry.move_points(matrix, found), geometry.move_points(matrix, true))
    before = landmark_score(found, true)
    assert np.allclose(moved.per_face, before.per_face, rtol=1e-6) and moved.area == pytest.approx(
        before.area, rel=1e-5
    )
    stretched = landmark_score(found * torch.tensor([1.0, 2.0]), true * torch.tensor([1.0, 2.0]))
    assert stretched.nme != pytest.approx(before.nme, rel=0.01)


@pytest.mark.parametrize(
    ("kind", "off"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.float16, 0.01), (torch.bfloat16, 0.1)]
)
def test_any_floating_type_will_do(kind, off):
    found, true = faces(noise=5.0)
    score = landmark_score(found.to(kind).requires_grad_(), true.to(kind))
    assert score.nme == pytest.approx(looped(found, true, eyes_apart)["nme"], rel=off)
    assert same(score, looped(found.detach().to(kind), true.to(kind), eyes_apart))


def test_tensors_on_a_gpu_and_off_it_mix():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    found, true = faces(unknown=0.2)
    score, lengths = landmark_score(found, true), eye_distance(true)
    assert landmark_score(found.cuda(), true).nme == landmark_score(found, true.cuda()).nme == score.nme
    assert landmark_score(found, true, normaliser=lengths.cuda()).nme == score.nme
    ids = torch.arange(60).cuda() % 7
    assert nme_interval(torch.from_numpy(score.per_face).cuda(), ids).shape == (2,)


def changed(tensor, place, value):
    tensor = tensor.clone()
    tensor[place] = value
    return tensor


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f, t: (changed(f, (4, 2, 0), NAN), t), r"predicted: NaN .* in face 4; .* infinity"),
        (lambda f, t: (changed(f, slice(2, 9), NAN), t), r"in face 2, 3, 4, 5, 6 and 2 more; "),
        (lambda f, t: (f, changed(t, (1, 3, 1), INF)), r"true: infinity in face 1; NaN is for unknown"),
        (lambda f, t: (f, changed(t, (5, 0), NAN)), r"normaliser 'eyes': not above 0 and finite in face 5; give"),
        (lambda f, t: (f, changed(t, (5, 0), t[5, 1])), r"normaliser 'eyes': not above 0 and finite in face 5; give"),
        (lambda f, t: (f[:1], t), r"predicted and true must be .* not \(1, 5, 2\) and \(60, 5, 2\)"),
        (lambda f, t: (f[0], t[0]), r"predicted and true must be"),
        (lambda f, t: (f[:0], t[:0]), r"with faces and points in them, not \(0, 5, 2\)"),
        (lambda f, t: (f[:, :0], t[:, :0]), r"with faces and points in them"),
        (lambda f, t: (f[:, :4], t[:, :4]), r"landmarks must be .* of your own"),
        (lambda f, t: (f, torch.full_like(t, NAN)), r"no face has a known point"),
    ],
)
def test_impossible_landmarks_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        landmark_score(*change(*faces()))


@pytest.mark.parametrize(
    ("normaliser", "message"),
    [
        ("pupils", r"normaliser='pupils' is neither 'eyes' nor 'box'"),
        (torch.ones(3), r"normaliser: 60 faces but lengths \(3,\)"),
        (torch.tensor(4.0), r"normaliser: 60 faces but lengths \(\)"),
        (torch.arange(60), r"normaliser lengths: not above 0 and finite in face 0;"),
        (changed(torch.ones(60), 8, -1), r"in face 8;"),
        (changed(torch.ones(60), 9, INF), r"in face 9;"),
        (changed(torch.ones(60), 10, NAN), r"in face 10;"),
    ],
)
def test_impossible_lengths_are_refused(normaliser, message):
    with pytest.raises(ValueError, match=message):
        landmark_errors(*faces(), normaliser)


def test_a_face_of_which_nothing_is_known_needs_no_length():
    found, true = faces()
    true[4] = NAN
    assert landmark_score(found, true, normaliser=eye_distance(true)).faces == 59


# --- the curve -----------------------------------------------------------------------------------------------------


def test_a_curve_by_hand():
    curve = cumulative_error_curve([0.05, 0.02, 0.3, 0.05, INF, NAN], limit=0.1)
    assert curve.error.tolist() == [0, 0.02, 0.05, 0.1] and curve.share.tolist() == [0, 0.2, 0.6, 0.6]
    assert curve.area == pytest.approx((0.03 * 0.2 + 0.05 * 0.6) / 0.1)
    assert isinstance(curve, CumulativeErrors) and curve.error.dtype == curve.share.dtype == np.float64


def test_the_curves_ends():
    assert cumulative_error_curve([0.0, 0.0]).share.tolist() == [1, 1] and cumulative_error_curve([0.0]).area == 1
    assert cumulative_error_curve([0.5, INF]).share.tolist() == [0, 0] and cumulative_error_curve([0.5]).area == 0
    at_limit = cumulative_error_curve([0.1, 0.2], limit=0.1)
    assert at_limit.share.tolist() == [0, 0.5] and at_limit.area == 0


@pytest.mark.parametrize("limit", [0.03, 0.1, 0.7])
@pytest.mark.parametrize("seed", range(3))
def test_the_area_is_that_of_a_fine_grid_and_the_mean_of_what_is_left(seed, limit):
    errors = np.random.default_rng(seed).gamma(2, 0.03, size=83).round(3)
    errors[::9] = INF
    curve = cumulative_error_curve(errors, limit)
    assert curve.area == pytest.approx(1 - np.minimum(errors, limit).mean() / limit, abs=1e-12)
    grid = np.linspace(0, limit, 50_001)
    shares = (errors <= grid[:, None]).mean(1)
    area = np.sum((shares[1:] + shares[:-1]) / 2 * np.diff(grid)) / limit  # the trapezoid rule; numpy renamed its own
    assert curve.area == pytest.approx(area, abs=1e-4) and 0 < curve.area < 1
    joined = np.sum((curve.share[1:] + curve.share[:-1]) / 2 * np.diff(curve.error)) / limit
    assert joined != pytest.approx(area, abs=1e-4)  # points joined by lines are another area
    assert curve.share[-1] == pytest.approx(1 - (errors > limit).mean(), abs=1e-12)
    assert (curve.share == [(errors <= e).mean() for e in curve.error]).all()


def test_a_curve_takes_the_errors_of_landmarks_too():
    found, true = faces(unknown=0.3)
    true[5] = NAN
    score = landmark_score(found, true)
    for errors in (landmark_errors(found, true), score.per_face, score.per_face.tolist(), torch.tensor(score.per_face)):
        assert cumulative_error_curve(errors).area == pytest.approx(score.area, rel=1e-12)


@pytest.mark.parametrize(
    ("errors", "limit", "message"),
    [
        ([0.1], 0.0, r"limit=0.0 is not above 0"),
        ([0.1], NAN, r"limit=nan"),
        ([0.1], INF, r"limit=inf"),
        ([0.1, -0.1], 0.1, r"errors: face 1 has an error below 0"),
        ([NAN], 0.1, r"errors: no face has a known point"),
        ([], 0.1, r"errors: no face has a known point"),
        (0.1, 0.1, r"errors must be \(N,\), or \(N, P\), not \(\)"),
    ],
)
def test_impossible_curves_are_refused(errors, limit, message):
    with pytest.raises(ValueError, match=message):
        cumulative_error_curve(errors, limit)


# --- by something else ---------------------------------------------------------------------------------------------


def test_bins_by_hand():
    errors = [0.1, 0.2, 0.3, 0.4, NAN, 0.6, 0.7, 0.8]
    yaw = [0, 15, 29.9, 30, 10, 90, 91, NAN]
    bins = nme_by(errors, torch.tensor(yaw), [0, 15, 30, 60, 80, 90])
    assert [(b.low, b.high, b.faces) for b in bins] == [(0, 15, 1), (15, 30, 2), (30, 60, 1), (60, 80, 0), (80, 90, 1)]
    assert [b.nme for b in bins] == pytest.approx([0.1, 0.25, 0.4, NAN, 0.6], nan_ok=True)
    assert type(bins[0].nme) is float and type(bins[0].faces) is int


def test_bins_that_hold_all_give_back_the_mean():
    found, true = faces(200)
    score = landmark_score(found, true)
    yaw = np.random.default_rng(1).integers(0, 91, size=200)
    bins = nme_by(score.per_face, yaw, [0, 10, 20, 45, 90])
    assert sum(b.faces for b in bins) == 200
    assert sum(b.faces * b.nme for b in bins) / 200 == pytest.approx(score.nme)
    assert nme_by([0.2, INF], [5, 95], [0, 90, INF])[1].nme == INF


@pytest.mark.parametrize(
    ("values", "edges", "message"),
    [
        ([1, 2, 3], [0, 1], r"values: 2 faces have errors, but values are \(3,\)"),
        ([1, 2], [0], r"edges=\[0.0\] must be at least two"),
        ([1, 2], [0, 2, 1], r"edges=\[0.0, 2.0, 1.0\] must be at least two, ascending"),
        ([1, 2], [0, 0], r"edges"),
        ([1, 2], [0, NAN], r"edges"),
    ],
)
def test_impossible_bins_are_refused(values, edges, message):
    with pytest.raises(ValueError, match=message):
        nme_by([0.1, 0.2], values, edges)


def test_an_interval_of_faces_is_the_textbooks():
    errors = np.random.default_rng(0).gamma(2, 0.03, size=500)
    low, high = nme_interval(errors, resamples=2000)
    off = 1.96 * errors.std() / math.sqrt(500)
    assert (low, high) == pytest.approx((errors.mean() - off, errors.mean() + off), abs=0.1 * off)
    narrow = nme_interval(errors, level=0.5)
    assert low < narrow[0] < errors.mean() < narrow[1] < high
    assert np.diff(narrow) == pytest.approx(0.67 * 2 * off / 1.96, rel=0.1)
    assert nme_interval(errors, seed=3).tolist() == nme_interval(errors, seed=3).tolist()
    assert nme_interval(errors, seed=3).tolist() != nme_interval(errors, seed=4).tolist()


def test_an_interval_of_people_equals_drawing_their_faces():
    generator = np.random.default_rng(0)
    people = np.repeat(np.arange(20) * 3, generator.integers(1, 9, size=20))  # numbers with gaps
    hard = generator.gamma(2, 0.03, size=60)
    errors = hard[people] + generator.uniform(0, 0.01, size=len(people))
    errors[::11] = NAN
    generator = np.random.default_rng(7)
    known = ~np.isnan(errors)
    names, means = np.unique(people[known]), []
    for _ in range(300):
        drawn = np.bincount(generator.integers(len(names), size=len(names)), minlength=len(names))
        means.append(np.mean([e for name, n in zip(names, drawn) for e in errors[known & (people == name)].repeat(n)]))
    found = nme_interval(errors, people, resamples=300, seed=7)
    assert found.tolist() == pytest.approx(np.percentile(means, [2.5, 97.5]).tolist(), rel=1e-9)
    by_face = nme_interval(errors, resamples=300, seed=7)
    assert np.diff(by_face) < 0.7 * np.diff(found)  # faces of one person taken for strangers: far too sure


def test_an_interval_of_clipped_errors_is_the_areas():
    found, true = faces(100)
    found[3] = INF
    score = landmark_score(found, true)
    low, high = nme_interval(np.minimum(score.per_face, 0.1))
    assert low < (1 - score.area) * 0.1 < high


@pytest.mark.parametrize(
    ("errors", "people", "message"),
    [
        ([0.1, INF], None, r"per_face: 1 infinite errors.*np.minimum"),
        ([0.1], None, r"people: at least two"),
        ([0.1, 0.2, NAN], [4, 4, 5], r"people: at least two"),
        ([0.1, 0.2], [0, -1], r"people: an identity below 0 is an unknown person"),
        ([0.1, 0.2], [0], r"people must be 2 integers.*\(1,\)"),
        ([0.1, 0.2], [0.5, 1], r"people must be 2 integers.*float64"),
        ([NAN, NAN], None, r"per_face: no face"),
    ],
)
def test_impossible_intervals_are_refused(errors, people, message):
    with pytest.raises(ValueError, match=message):
        nme_interval(errors, people)


@pytest.mark.parametrize("change", [dict(level=1.0), dict(resamples=0)])
def test_impossible_wishes_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        nme_interval([0.1, 0.2], **change)
