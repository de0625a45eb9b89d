"""The camera, the mean face and the turn to the front, against what is known in closed form and against renderings."""

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample, pad

import drawpeople
from dlsfaces.align import cameras, frontal, shape3d

SIZE = (112, 112)


def turned(yaw, pitch=0.0, scale=6.0, shift=(80.0, 70.0)):
    """The affine camera of a face turned like the dials of the built-in people, written out in float64."""
    (cy, sy), (cp, sp) = ((np.cos(a), np.sin(a)) for a in np.deg2rad([yaw, pitch]))
    pitched = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ pitched
    return torch.from_numpy(np.column_stack((scale * np.array([turn[0], -turn[1]]), shift)))[None]


def seen_by(camera, shape=None):
    shape = shape3d.mean_shape()[:68].double() if shape is None else shape
    return shape @ camera[..., :3].mT + camera[:, None, :, 3]


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def noisy(n=5, sigma=2.0):
    return seen_by(turned(3, -3)) + sigma * draw(n, 68, 2, seed=1)


def test_the_mean_face_is_that_of_the_built_in_people_and_symmetric():
    made = drawpeople.render(drawpeople.people(torch.arange(120)), drawpeople.neutral_shots(120), size=(8, 8))
    shape, mirror = shape3d.mean_shape(), shape3d.mirrored_vertices()
    assert (made.dense_3d.mean(0) - shape[:68]).abs().max() < 0.25
    assert torch.equal(mirror[mirror], torch.arange(98))
    assert torch.equal(shape[mirror] * torch.tensor([-1.0, 1, 1]), shape)
    left, right = shape3d.triangles().split(87)
    assert torch.equal(mirror[left].sort(1).values, right.sort(1).values)


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (35, -10), (-60, 20)])
def test_the_camera_is_found_from_exact_points(yaw, pitch):
    camera = turned(yaw, pitch)
    assert torch.allclose(cameras.fit_camera(seen_by(camera)), camera, atol=1e-8)
    assert float(cameras.yaw_of(camera)) == pytest.approx(yaw)


def test_it_solves_the_normal_equations():
    residuals = draw(300, 68, 2)
    covariance, points = cameras.fiducial_covariance(residuals, 0.1), noisy()
    plain = torch.from_numpy(np.cov(residuals.flatten(1).numpy().T, ddof=0))  # about the mean, which is near 0
    assert torch.allclose(covariance, 0.9 * plain + 0.1 * torch.eye(136) * plain.trace() / 136, atol=0.05)
    place = pad(shape3d.mean_shape()[:68].double(), (0, 1), value=1.0).numpy()
    design = np.kron(place, np.eye(2)).reshape(-1, 4, 2).transpose(0, 2, 1).reshape(-1, 8)  # 4 of x, 4 of y
    inverse = np.linalg.inv(covariance.numpy())
    for given, camera in zip(points, cameras.fit_camera(points, covariance)):
        expected = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ given.flatten().numpy())
        assert np.allclose(camera.flatten().numpy(), expected, atol=1e-8)


def own_shape(points):
    """Where fiducials should come to lie: numpy's least-squares solution of the least length."""
    camera, shape = cameras.fit_camera(points), shape3d.mean_shape()[:68]
    residuals = (points - seen_by(camera, shape)).double().numpy()
    moves = [np.linalg.lstsq(c[:, :3], r.T, rcond=None)[0].T for c, r in zip(camera.double().numpy(), residuals)]
    return frontal.frontal_pixels(shape + torch.from_numpy(np.stack(moves)).float(), SIZE)


def test_the_warp_is_exact_at_every_fiducial():
    """The photo's colours are its coordinates."""
    points = noisy(3, 0.2).float()
    y, x = torch.meshgrid((torch.arange(160) + 0.5) / 160, (torch.arange(160) + 0.5) / 160, indexing="ij")
    photo = torch.stack((x, y, torch.ones_like(x))).expand(3, -1, -1, -1)
    found = frontal.frontalise(photo, points, (336, 336))
    at = own_shape(points) / 112 * 2 - 1
    values = grid_sample(found.images, at[:, None], align_corners=False)[:, :, 0]
    inside = slice(17, 68)  # half of what is around the jaw is black
    assert (160 * values[:, :2].mT - points)[:, inside].abs().max() < 0.1


def cheeks(views):
    places = frontal.frontal_pixels(torch.tensor([[-5.2, -4.0], [5.2, -4.0]]), SIZE).long()
    return [views[:, int(y), int(x)] for x, y in places]


def test_the_far_cheek_is_hidden_and_filled_from_the_near_one():
    points = torch.cat([seen_by(turned(yaw)) for yaw in (45, -45, 0)]).float()
    found = frontal.frontalise((torch.arange(160) / 160).expand(3, 3, 150, 160), points, SIZE)
    left, right = cheeks(found.visible)
    assert (left > 0.9).tolist() == [True, False, True] and (right > 0.9).tolist() == [False, True, True]
    assert right[0] < 0.1 and left[1] < 0.1
    left, right = cheeks(found.images[:, 0])
    assert (left - right)[:2].abs().max() < 0.03 and (left - right)[2].abs() > 0.1


def test_what_lies_outside_of_the_photo_is_filled_and_outside_of_the_face_it_is_black():
    points = torch.cat((seen_by(turned(0, shift=(5.0, 70.0))), seen_by(turned(20)))).float()
    found = frontal.frontalise(torch.ones(2, 3, 150, 160), points, SIZE)
    left, right = cheeks(found.visible)
    assert left[0] == 0 and right[0] == 1 and cheeks(found.images[:, 0])[0][0] == 1
    assert not found.images[..., -1, :].any() and not found.visible[..., 0].any()
    face = found.images[1, 0] > 0
    assert torch.equal(face, face.cummax(1).values & face.flip(1).cummax(1).values.flip(1))  # no crack
    assert torch.allclose(found.images[1][:, face], torch.tensor(1.0))
    assert frontal.frontalise(torch.ones(0, 3, 9, 9), points[:0], (60, 50)).images.shape == (0, 3, 60, 50)


def test_what_is_wrong_is_said():
    points, photos = noisy(2).float(), torch.zeros(2, 3, 150, 160)
    for spoil, message in (
        (lambda p: p.fill_(7.0), "in one place"),
        (lambda p: p[:, 1].copy_(3 * p[:, 0]), "in one place or on a line"),
        (lambda p: p[5].fill_(torch.nan), "NaN or infinite"),
        (lambda p: p[:, 0].copy_(160 - p[:, 0]), "seen from behind"),
    ):
        spoilt = points.clone()
        spoil(spoilt[1])
        with pytest.raises(ValueError, match=f"face 1 are {message}"):
            frontal.frontalise(photos, spoilt)
    with pytest.raises(ValueError, match="covariance is not positive definite"):
        cameras.fit_camera(points, -torch.eye(136))
    with pytest.raises(ValueError, match="for 2 faces"):
        frontal.frontalise(photos[:1], points)
    with pytest.raises(ValueError, match="not finite"):
        cameras.fiducial_covariance(torch.full((4, 68, 2), torch.nan))
