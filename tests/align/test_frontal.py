"""The camera, the mean face and the turn to the front, against what is known in closed form and against renderings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import ConvexHull
from torch.nn.functional import grid_sample, pad

import drawpeople
from dlsfaces import geometry
from dlsfaces.align import cameras, frontal, shape3d
from tests.align.dots import dots, dotted

SIZE = (112, 112)


def turned(yaw, pitch=0.0, scale=6.0, shift=(80.0, 70.0)):
    """The affine camera of a face turned like the dials of the synthetic people, written out in float64."""
    (cy, sy), (cp, sp) = ((np.cos(a), np.sin(a)) for a in np.deg2rad([yaw, pitch]))
    pitched = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ pitched
    linear = scale * np.array([turn[0], -turn[1]])
    return torch.from_numpy(np.column_stack((linear, shift)))[None]


def seen_by(camera, shape=None):
    shape = shape3d.mean_shape()[:68].double() if shape is None else shape
    return shape @ camera[..., :3].mT + camera[:, None, :, 3]


def people_at(n, **dials):
    pictures = drawpeople.neutral_shots(n)
    pictures |= {name: torch.full((n,), float(value)) for name, value in dials.items()}
    return drawpeople.render(drawpeople.people(torch.arange(20, 20 + n)), pictures, geometry.LOOSE)


def aligned(made):
    matrix = geometry.similarity(geometry.five_of(made.dense), frontal.frontal_landmarks(SIZE))
    return geometry.warp(made.images, matrix, SIZE)


def random_covariance(seed=0):
    factor = torch.randn(136, 136, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return factor @ factor.T / 136 + 0.05 * torch.eye(136, dtype=torch.float64)


def noisy(n=5, sigma=2.0, seed=1):
    noise = torch.randn(n, 68, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return seen_by(turned(20, 10)) + sigma * noise


def correlation(a, b, where):
    pairs = [np.corrcoef(x[:, k].flatten(), y[:, k].flatten())[0, 1] for x, y, k in zip(a, b, where)]
    return np.array(pairs)


def inner_face():
    """An ellipse around brows, nose and mouth of the frontal view."""
    y, x = torch.meshgrid(*(torch.arange(n) + 0.5 for n in SIZE), indexing="ij")
    (left, right, _, mouth, _), scale = frontal.frontal_landmarks(SIZE), frontal.frontal_scale(SIZE)
    middle_x, middle_y = (left + right)[0] / 2, (left[1] + mouth[1]) / 2
    return ((x - middle_x) / (5.2 * scale)) ** 2 + ((y - middle_y) / (6.0 * scale)) ** 2 < 1


# The mean face


def test_the_table_is_the_mean_of_the_synthetic_people():
    n = 120
    made = drawpeople.render(drawpeople.people(torch.arange(n)), drawpeople.neutral_shots(n), size=(8, 8))
    assert (made.dense_3d.mean(0) - shape3d.mean_shape()[:68]).abs().max() < 0.25


def test_left_and_right_are_mirror_images():
    shape, mirror, triangles = shape3d.mean_shape(), shape3d.mirrored_vertices(), shape3d.triangles()
    assert torch.equal(mirror[mirror], torch.arange(98))
    assert torch.equal(shape[mirror] * torch.tensor([-1.0, 1, 1]), shape)
    left, right = triangles.split(len(triangles) // 2)
    assert torch.equal(mirror[left].sort(1).values, right.sort(1).values)
    assert (shape[left].mean(1)[:, 0] < 0).all()


def test_the_triangles_cover_the_hull_without_overlaps():
    flat, triangles = shape3d.mean_shape()[:, :2].double().numpy(), shape3d.triangles().numpy()
    assert (shape3d.normals()[:, 2] > 0).all()
    assert float(shape3d.normals()[:, 2].sum()) == pytest.approx(ConvexHull(flat).volume, rel=1e-5)
    assert set(triangles.flatten()) == set(range(98))
    weights = np.random.default_rng(0).dirichlet(np.full(98, 0.1), 500)  # anywhere in the hull
    a, b, c = (flat[triangles[:, k]] for k in range(3))

    def left_of(p, q, at):
        return (q[:, 0] - p[:, 0]) * (at[1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (at[0] - p[:, 0]) > 0

    for at in weights @ flat:
        assert (left_of(a, b, at) & left_of(b, c, at) & left_of(c, a, at)).sum() == 1


def test_vertices_are_carried_by_the_known_fiducials_around_them():
    moves, known = torch.randn(2, 68, 2), torch.ones(2, 68, dtype=torch.bool)
    known[1, :8] = False
    moves[1, :8] = torch.nan
    carried = shape3d.carried(moves, known)
    assert torch.equal(carried[:, :68][known], moves[known])
    one_way = torch.tensor([3.0, -1.0]).expand(2, 68, 2)
    assert torch.allclose(shape3d.carried(one_way, known), one_way[:, :1])
    raised = torch.zeros(1, 68, 2)
    raised[:, 17:22, 1] = 1.0  # the brow on the viewer's left takes the forehead above it along, not the chin
    carried = shape3d.carried(raised, known[:1])
    assert carried[0, 71, 1] > 0.6
    assert carried[0, -1, 1] < 0.01


# The camera


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (35, -10), (-60, 20)])
def test_the_camera_is_found_from_exact_points(yaw, pitch):
    camera = turned(yaw, pitch)
    points = seen_by(camera)
    assert torch.allclose(cameras.fit_camera(points), camera, atol=1e-8)
    assert torch.allclose(cameras.fit_camera(points, random_covariance()), camera, atol=1e-8)
    points[:, 3:40] = torch.nan
    assert torch.allclose(cameras.fit_camera(points), camera, atol=1e-8)
    assert float(cameras.yaw_of(camera)) == pytest.approx(yaw)


@pytest.mark.parametrize("missing", [[], [0, 1, 2, 30, 60]])
def test_it_solves_the_normal_equations(missing):
    covariance, points = random_covariance(), noisy()
    points[2, missing] = torch.nan
    found = cameras.fit_camera(points, covariance)
    for face, (given, camera) in enumerate(zip(points, found)):
        known = [k for k in range(68) if face != 2 or k not in missing]
        rows = np.array([[2 * k, 2 * k + 1] for k in known]).flatten()
        place = pad(shape3d.mean_shape()[known].double(), (0, 1), value=1.0).numpy()
        design = np.kron(place, np.eye(2)).reshape(-1, 4, 2).transpose(0, 2, 1).reshape(-1, 8)  # 4 of x, 4 of y
        inverse = np.linalg.inv(covariance.numpy()[np.ix_(rows, rows)])
        expected = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ given[known].flatten().numpy())
        assert np.allclose(camera.flatten().numpy(), expected, atol=1e-8)


def test_a_known_covariance_beats_equal_weights():
    jaw = torch.ones(68, 2, dtype=torch.float64)
    jaw[:17, 0] = 12.0  # the outline errs, and all of it in one direction
    together = torch.outer(jaw.flatten() - 1, jaw.flatten() - 1)
    covariance = torch.diag(jaw.flatten() ** 2) + together
    noise = torch.randn(200, 136, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    points = seen_by(turned(20, 10)) + (noise @ torch.linalg.cholesky(covariance).T).view(-1, 68, 2)

    def error(camera):
        return (seen_by(camera) - seen_by(turned(20, 10))).square().sum(-1).mean().sqrt()

    assert error(cameras.fit_camera(points, covariance)) < 0.25 * error(cameras.fit_camera(points))


def test_the_covariance_of_residuals():
    true = random_covariance()
    generator = torch.Generator().manual_seed(0)
    residuals = torch.randn(20_000, 136, dtype=torch.float64, generator=generator) @ torch.linalg.cholesky(true).T
    assert (cameras.fiducial_covariance(residuals.view(-1, 68, 2), 1e-6) - true).abs().max() < 0.08
    few = cameras.fiducial_covariance(residuals[:3].view(-1, 68, 2))
    assert torch.allclose(few, few.T, rtol=0, atol=1e-12)
    assert torch.linalg.eigvalsh(few).min() > 0.01
    assert float(few.trace()) == pytest.approx(float(residuals[:3].square().sum() / 3))
    cameras.fit_camera(noisy().float(), few.float())


@pytest.mark.parametrize(("yaw", "least", "most"), [(-40, -50, -38), (0, -3, 3), (25, 23, 32)])
def test_yaw_of_rendered_people(yaw, least, most):
    """A turned face lies beside the camera's axis and is seen from further round than it is turned."""
    found = cameras.yaw_of(cameras.fit_camera(people_at(6, yaw=yaw).dense))
    assert least < found.min() < found.max() < most


# The frontal view


def test_the_frontal_landmarks_lie_upright_in_the_view():
    for height, width in ((112, 112), (100, 83), (60, 200)):
        left, right, nose, mouth_left, mouth_right = frontal.frontal_landmarks((height, width)).tolist()
        assert left[0] + right[0] == pytest.approx(width)
        assert nose[0] == pytest.approx(width / 2)
        assert mouth_left[1] == pytest.approx(mouth_right[1])
        assert 0.15 * height < left[1] < nose[1] < mouth_left[1] < 0.75 * height
    chin = frontal.frontal_pixels(shape3d.mean_shape()[8], SIZE)
    assert 0.88 * 112 < float(chin[1]) < 112


def test_from_the_front_it_is_the_photo_warped():
    pictures = drawpeople.neutral_shots(1) | {"distance": torch.tensor([200.0])}
    made = drawpeople.render(drawpeople.average_people(1), pictures, geometry.LOOSE)
    found = frontal.frontalise(made.images, made.dense, SIZE)
    linear, shift = found.camera[..., :2], found.camera[..., 2] * 7.5 + found.camera[..., 3]  # at the face's depth
    view = torch.cat((linear, shift[..., None]), dim=-1)
    scale = frontal.frontal_scale(SIZE)
    down = frontal.frontal_pixels(torch.zeros(1, 2), SIZE)[0, :, None]
    to_view = torch.cat((torch.diag(torch.tensor([scale, -scale])), down), dim=1)[None]
    warped = geometry.warp(made.images, geometry.compose(to_view, geometry.inverse(view)), SIZE)
    inner = inner_face()
    assert (found.images - warped)[:, :, inner].abs().mean() < 0.01
    assert correlation(found.images, aligned(made), [inner]).min() > 0.97
    assert found.visible[:, inner].min() > 0.95


@pytest.mark.parametrize("yaw", [30, -45])
def test_a_turned_face_comes_nearer_to_the_same_face_from_the_front(yaw):
    front, made = aligned(people_at(6)), people_at(6, yaw=yaw)
    found = frontal.frontalise(made.images, made.dense, SIZE)
    where = inner_face() & (found.visible > 0.5)
    ours, flat = correlation(found.images, front, where), correlation(aligned(made), front, where)
    assert ours.mean() > flat.mean() + 0.1
    assert (ours > flat).all()
    everywhere = inner_face().expand_as(where)
    alone = frontal.frontalise(made.images, made.dense, SIZE, symmetry=False)
    assert correlation(found.images, front, everywhere).mean() > correlation(alone.images, front, everywhere).mean()


def own_shape(found):
    """Where fiducials should come to lie: numpy's least-squares solution of the least length."""
    camera, residuals = found.camera.double().numpy(), found.residuals.double().numpy()
    moves = [np.linalg.lstsq(c[:, :3], r.T, rcond=None)[0].T for c, r in zip(camera, residuals)]
    return frontal.frontal_pixels(shape3d.mean_shape()[:68] + torch.from_numpy(np.stack(moves)).float(), SIZE)


def test_what_is_at_a_fiducial_goes_where_the_fiducial_goes():
    # little turned, or else the far half of a dot is stretched and moves its middle
    points = (noisy(3, 0.3) - seen_by(turned(20, 10)) + seen_by(turned(3, -3))).float()
    five = [36, 45, 30, 48, 54]
    found = frontal.frontalise(dotted(points[:, five], (150, 160), 1.5), points, SIZE, symmetry=False)
    assert (dots(found.images) - own_shape(found)[:, five]).abs().max() < 0.6


def test_the_warp_is_exact_at_every_fiducial():
    """The photo's colours are its coordinates."""
    points = torch.cat([noisy(1, 0.2, k) for k in range(3)]).float()
    y, x = torch.meshgrid((torch.arange(160) + 0.5) / 160, (torch.arange(160) + 0.5) / 160, indexing="ij")
    photo = torch.stack((x, y, torch.ones_like(x))).expand(3, -1, -1, -1)
    found = frontal.frontalise(photo, points, (336, 336), symmetry=False)
    at = own_shape(found) / 112 * 2 - 1
    values = grid_sample(found.images, at[:, None], align_corners=False)[:, :, 0]
    inside = slice(17, 68)  # half of what is around the jaw is black
    assert (160 * values[:, :2].mT - points)[:, inside].abs().max() < 0.1


def test_a_persons_own_shape_is_kept():
    shape = shape3d.mean_shape()[:68].double().clone()
    shape[48:, 1] += 1.0  # a mouth higher up
    usual, own = (seen_by(turned(0), s).float() for s in (None, shape))
    mouth = [36, 45, 30, 48, 54]
    photos = dotted(torch.cat((usual, own))[:, mouth], (150, 160), 1.5)
    before, after = dots(frontal.frontalise(photos, torch.cat((usual, own)), SIZE).images)
    nose_to_mouth = [float(p[3:, 1].mean() - p[2, 1]) for p in (before, after)]
    # what an affine camera can take for pose is gone: of a centimetre three quarters are left
    assert nose_to_mouth[0] - nose_to_mouth[1] > 0.6 * frontal.frontal_scale(SIZE)


# What is hidden


def cheeks():
    left = frontal.frontal_pixels(torch.tensor([[-5.2, -4.0], [5.2, -4.0]]), SIZE).long()
    return tuple((slice(None), int(y), int(x)) for x, y in left)


def test_the_far_cheek_is_hidden_and_filled_from_the_near_one():
    points = torch.cat([seen_by(turned(yaw)) for yaw in (45, -45, 0)]).float()
    photo = (torch.arange(160) / 160).expand(3, 3, 150, 160)
    found, alone = (frontal.frontalise(photo, points, SIZE, symmetry=s) for s in (True, False))
    left, right = cheeks()
    assert (found.visible[left] > 0.9).tolist() == [True, False, True]
    assert (found.visible[right] > 0.9).tolist() == [False, True, True]
    assert found.visible[right][0] < 0.1
    assert found.visible[left][1] < 0.1
    filled, bare = found.images[:, 0], alone.images[:, 0]
    assert (filled[left] - filled[right])[:2].abs().max() < 0.03
    assert (bare[left] - bare[right]).abs().min() > 0.1
    assert torch.allclose(found.images[2], alone.images[2])


def test_what_lies_outside_of_the_photo_is_not_seen_and_filled():
    points = seen_by(turned(0, shift=(5.0, 70.0))).float()
    found = frontal.frontalise(torch.ones(1, 3, 150, 160), points, SIZE)
    left, right = cheeks()
    assert found.visible[left] == 0
    assert found.visible[right] == 1
    assert found.images[:, 0][left] == 1
    alone = frontal.frontalise(torch.ones(1, 3, 150, 160), points, SIZE, symmetry=False)
    assert alone.images[:, 0][left] == 0


def test_outside_of_the_face_it_is_black():
    found = frontal.frontalise(torch.ones(1, 3, 150, 160), seen_by(turned(20)).float(), SIZE)
    assert not found.images[..., -1, :].any()
    assert not found.visible[..., 0].any()
    face = found.images[0, 0] > 0
    filled = face.cummax(1).values & face.flip(1).cummax(1).values.flip(1)
    assert torch.equal(face, filled)  # no crack between triangles
    assert torch.allclose(found.images[0][:, face], torch.tensor(1.0))


def test_a_batch_is_its_pictures_one_by_one():
    made = people_at(3, yaw=35)
    points = made.dense.clone()
    points[1, :5] = torch.nan
    together = frontal.frontalise(made.images, points, (60, 50))
    for k in range(3):
        alone = frontal.frontalise(made.images[k : k + 1].float() / 255, points[k : k + 1], (60, 50))
        for a, b in zip(together, alone):
            assert torch.allclose(a[k : k + 1], b, atol=1e-4, equal_nan=True)
    assert together.images.shape == (3, 3, 60, 50)
    assert together.residuals.isnan().any(-1).sum() == 5


def test_unknown_points_cost_little():
    made = people_at(2, yaw=15)
    points = made.dense.clone()
    points[:, :17] = torch.nan  # no jaw
    less, all_known = (frontal.frontalise(made.images, p, SIZE) for p in (points, made.dense))
    assert correlation(less.images, all_known.images, inner_face().expand(2, -1, -1)).min() > 0.85
    nobody = frontal.frontalise(made.images[:0], points[:0], SIZE)
    assert nobody.images.shape == (0, 3, *SIZE)


# What is refused


ALL_BUT_EYES = [k for k in range(68) if k not in (36, 39, 42, 45)]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.fill_(7.0), "in one place"),
        (lambda p: p[:, 1].copy_(3 * p[:, 0]), "in one place or on a line"),
        (lambda p: p[3:].fill_(torch.nan), "fewer than 4 known"),
        (lambda p: p.index_fill_(0, torch.tensor(ALL_BUT_EYES), torch.nan), "known on one plane"),
        (lambda p: p[5].fill_(torch.inf), "infinite"),
    ],
)
def test_points_without_a_camera_are_named(spoil, message):
    points = noisy(3)
    spoil(points[1])
    with pytest.raises(ValueError, match=f"face 1 are {message}"):
        cameras.fit_camera(points)


def test_what_is_wrong_is_said():
    points, photos = noisy(2).float(), torch.zeros(2, 3, 150, 160)
    with pytest.raises(ValueError, match="300-W"):
        cameras.fit_camera(points[:, :5])
    with pytest.raises(ValueError, match=r"\(136, 136\)"):
        cameras.fit_camera(points, torch.eye(68))
    with pytest.raises(ValueError, match="positive definite"):
        cameras.fit_camera(points, -torch.eye(136))
    with pytest.raises(ValueError, match="symmetric"):
        cameras.fit_camera(points, torch.eye(136) + torch.ones(136, 136).triu(1) / 1000)
    with pytest.raises(ValueError, match="for 2 faces"):
        frontal.frontalise(photos[:1], points)
    with pytest.raises(ValueError, match="size="):
        frontal.frontalise(photos, points, (0, 5))
    points[1, :, 0] = 160 - points[1, :, 0]
    with pytest.raises(ValueError, match="face 1 are seen from behind"):
        frontal.frontalise(photos, points)
    with pytest.raises(ValueError, match="not finite"):
        cameras.fiducial_covariance(torch.full((4, 68, 2), torch.nan))
    with pytest.raises(ValueError, match="shrinkage=0"):
        cameras.fiducial_covariance(torch.ones(4, 68, 2), 0.0)
    with pytest.raises(ValueError, match="at least 1"):
        cameras.fiducial_covariance(torch.ones(0, 68, 2))
