"""Trash among real faces: simple measures that know nothing of its making find it; file properties do not."""

import io

import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from dlsfaces import data

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def clean(real_data):
    return data.load("celeba500", "query", real_data)


@pytest.fixture(scope="module")
def planted(clean, real_data):
    strangers = data.load("celeba500", "distractors", real_data)
    return data.plant_trash(clean, 0.35, not_faces=real_data / "non_face_scenes", strangers=strangers)


@pytest.fixture(scope="module")
def images(planted):
    return planted.images()


def of(planted, *kinds):
    return torch.tensor([i for i, names in enumerate(planted.defects) if names == kinds])


def auc(trash, clean):
    """The chance that a piece of trash scores above a clean photo."""
    return ((trash[:, None] > clean).double() + 0.5 * (trash[:, None] == clean).double()).mean().item()


def grey(images, size=(25, 20)):
    """Small images of brightness, each with mean 0 and length 1."""
    small = F.interpolate(images.float().mean(1, keepdim=True), size, mode="area").flatten(1)
    return F.normalize(small - small.mean(1, keepdim=True))


def test_the_numbers_are_right(clean, planted, images):
    numbers = [len(of(planted, kind)) for kind in data.TRASH]
    assert sum(numbers) == round(0.35 * 1222) and max(numbers) - min(numbers) <= 1
    sound = of(planted)
    assert torch.equal(images[sound], clean.subset(sound).images())
    assert torch.equal(planted.identities, clean.identities) and planted.files == clean.files


def test_blur_and_darkness_are_measured(planted, images):
    sound = of(planted)
    brightness = images.float().mean(1, keepdim=True)
    fine = (brightness - F.avg_pool2d(brightness, 3, 1, 1))[:, :, 2:-2, 2:-2].std((1, 2, 3)) / brightness.std((1, 2, 3))
    assert auc(-fine[of(planted, "blurred")], -fine[sound]) > 0.9
    level = images.float().mean((1, 2, 3))
    assert auc(-level[of(planted, "dark")], -level[sound]) > 0.99
    for kind in ("wrong_identity", "duplicate", "blurred"):
        assert 0.35 < auc(level[of(planted, kind)], level[sound]) < 0.65


@pytest.mark.parametrize("kind, least", [("occluded", 0.7), ("cropped", 0.85), ("not_a_face", 0.95)])
def test_what_hides_a_face_makes_it_unlike_the_mean_face(planted, images, kind, least):
    vectors = grey(images)
    likeness = vectors @ F.normalize(vectors[of(planted)].mean(0), dim=0)
    assert auc(-likeness[of(planted, kind)], -likeness[of(planted)]) > least


def test_a_copy_is_nearest_to_what_it_is_a_copy_of(planted, images):
    vectors = grey(images)
    likeness = vectors @ vectors.T
    likeness.fill_diagonal_(-1)
    sources = torch.tensor([planted.files.index(planted.origins[i]) for i in of(planted, "duplicate")])
    found = likeness[of(planted, "duplicate")].argmax(1) == sources
    assert found.float().mean() > 0.9  # a source may have two copies, which are as near to each other
    nearest = likeness.amax(1)
    lonely = [i for i in of(planted).tolist() if planted.files[i] not in planted.origins]
    assert auc(nearest[of(planted, "duplicate")], nearest[lonely]) > 0.98


def test_a_stranger_is_less_like_the_others_of_the_name(planted, images):
    """Pixels know little of who it is, but more than nothing."""
    vectors, ids, sound = grey(images), planted.identities, of(planted)
    likeness = []
    for i in range(len(planted)):
        same = sound[(ids[sound] == ids[i]) & (sound != i)]
        others = sound[ids[sound] != ids[i]]
        likeness.append((vectors[i] @ vectors[same].T).mean() - (vectors[i] @ vectors[others].T).mean())
    likeness = torch.stack(likeness)
    assert auc(-likeness[of(planted, "wrong_identity")], -likeness[sound]) > 0.6


def test_neither_the_place_in_the_list_nor_the_size_of_a_file_gives_trash_away(planted, images):
    sound, place = of(planted), torch.arange(len(planted))
    sizes = torch.tensor([_bytes(image) for image in images])
    for kind in data.TRASH:
        assert 0.35 < auc(place[of(planted, kind)], place[sound]) < 0.65
    for kind in ("occluded", "wrong_identity", "duplicate"):
        assert 0.25 < auc(sizes[of(planted, kind)], sizes[sound]) < 0.75


def _bytes(image):
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=90)
    return file.tell()


def test_landmarks_follow_where_there_are_some(real_data):
    faces = data.load("celeba500", "test", real_data, framing="loose")
    planted = data.plant_trash(faces, 0.3, {"cropped": 1, "occluded": 1, "wrong_identity": 1})
    known = faces.landmarks.isfinite().flatten(1).all(1)
    shown = {kind: planted.visibility[of(planted, kind)] for kind in data.TRASH[2:4]}
    assert 0.2 < shown["occluded"].float().mean() < 0.6 and shown["cropped"].float().mean() < 0.6
    assert planted.visibility[of(planted)][known[of(planted)]].float().mean() > 0.999
    for i in of(planted, "wrong_identity").tolist():
        j = faces.files.index(planted.origins[i])
        assert torch.equal(planted.landmarks[i].nan_to_num(-1), faces.landmarks[j].nan_to_num(-1))
