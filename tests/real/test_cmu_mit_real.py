"""The real CMU+MIT: its facts as the course states them."""

import pytest
import torch

from benchmarks import cmu_mit
from dlsfaces import geometry

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def photos(real_data):
    return list(cmu_mit.load(real_data))


@pytest.fixture(scope="module")
def faces(photos):
    return [face for photo in photos for face in photo.faces]


def test_counts(photos, faces):
    assert len(photos) == 130 and sum(bool(photo.faces) for photo in photos) == 117
    assert len(faces) == 511 and all(face.landmarks is not None for face in faces)
    assert all((photo.image[0] == photo.image[1:]).all() for photo in photos)  # grey


def test_landmarks_lie_in_their_boxes_and_none_is_mirrored(faces):
    boxes, points = torch.stack([f.box for f in faces]), torch.stack([f.landmarks for f in faces])
    assert ((points >= boxes[:, None, :2]) & (points <= boxes[:, None, 2:])).all()
    eyes, mouth = points[:, 1] - points[:, 0], points[:, 4] - points[:, 3]
    fall = points[:, 3:].mean(1) - points[:, :2].mean(1)
    assert (eyes[:, 0] * fall[:, 1] - eyes[:, 1] * fall[:, 0] > 0).all() and ((eyes * mouth).sum(1) > 0).all()
    assert (eyes[:, 0] < 0).sum() == 4  # upside down


def test_boxes_follow_the_landmarks(faces):
    own = [geometry.iou(f.box[None], geometry.face_box(f.landmarks)[None]).item() for f in faces]
    overlap = torch.tensor(own)
    assert overlap.mean() == pytest.approx(0.859, abs=0.001) and overlap.min() == pytest.approx(0.272, abs=0.001)
    assert (overlap < 0.5).sum() == 3


def test_pixels_are_counted_from_the_corner(photos):
    """The mean eye is darkest half a pixel before the centre of the pixel with the annotated number."""
    around = []
    for photo in photos:
        grey = photo.image[0].float()
        for face in photo.faces:
            if 13 <= (face.landmarks[1] - face.landmarks[0]).norm() < 18:
                around += [_patch(grey, *eye) for eye in face.landmarks[:2].tolist()]
    whole = [patch for patch in around if patch is not None]
    mean = torch.stack(whole).mean(0)
    assert len(whole) > 400
    for profile in (mean[2:5].mean(0), mean[:, 2:5].mean(1)):  # along x, along y
        before, at, after = profile[2:5].tolist()
        assert -0.75 < (before - after) / 2 / (before - 2 * at + after) < -0.25


def _patch(grey, x, y, reach=3):
    """The pixels around the one with number (x, y), with mean 0 and deviation 1; None at the photo's border."""
    rows, columns = int(y) - reach, int(x) - reach
    patch = grey[max(rows, 0) : rows + 2 * reach + 1, max(columns, 0) : columns + 2 * reach + 1]
    if x % 1 or y % 1 or patch.shape != (2 * reach + 1, 2 * reach + 1):
        return None
    return (patch - patch.mean()) / (patch.std() + 1)
