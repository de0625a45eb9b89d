"""Real portraits before real backgrounds: detectors' tests are made of such composites."""

import numpy as np
import pytest
import torch

from dlsfaces import data, geometry

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def scenes(real_data):
    faces = data.load("celeba500", "test", real_data, framing="loose")
    few = faces.subset(torch.arange(0, len(faces), 20))
    settings = data.SceneSettings(faces_per_photo=(4, 10), face_width=(20, 90), overlap=0.05)
    return data.scenes("test", 4, (300, 400), settings, faces=few, backgrounds=real_data / "non_face_scenes"), few


def test_faces_are_the_sets_and_lie_in_the_photo(scenes):
    photos, few = scenes
    known = set(few.identities.tolist())
    faces = [face for photo in photos for face in photo.faces]
    assert len(faces) >= 16 and {face.identity for face in faces} <= known
    for face in faces:
        assert torch.allclose(face.box, geometry.face_box(face.landmarks))
        assert 19.9 < face.box[2] - face.box[0] < 90.1
        assert (face.box >= 0).all() and (face.box[2:] <= torch.tensor([400, 300])).all()


def test_a_pasted_face_looks_like_its_portrait(scenes):
    """Cut out of the scene by its landmarks, an uncovered face correlates with its own portrait, and best with it."""
    photos, few = scenes
    portraits = {int(i): [] for i in few.identities.unique()}
    for k, identity in enumerate(few.identities.tolist()):
        if not few.landmarks[k].isnan().any():
            portraits[identity].append(_face(few[k].image, geometry.face_box(few.landmarks[k])))
    ranks = []
    for photo in photos:
        for face in photo.faces:
            if face.visibility.all() and face.box[2] - face.box[0] > 30:
                own = _face(photo.image, face.box)
                best = {i: max(float(own @ p) for p in ps) for i, ps in portraits.items() if ps}
                ranks.append(sum(value > best[face.identity] for value in best.values()))
    assert len(ranks) >= 8 and np.mean(np.array(ranks) == 0) > 0.8


def _face(image, box):
    """The grey pixels of a face's inner half, brows to mouth, 24 x 21, with mean 0 and length 1."""
    x1, y1, x2, y2 = box.tolist()
    wide, high = (x2 - x1) / 4, (y2 - y1) / 4
    part = image[:, round(y1 + high) : round(y2 - high), round(x1 + wide) : round(x2 - wide)].float().mean(0)
    small = torch.nn.functional.interpolate(part[None, None], (24, 21), mode="bilinear", antialias=True).flatten()
    small = small - small.mean()
    return small / small.norm()
