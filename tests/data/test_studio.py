import pytest
import torch

from dlsfaces import data, geometry
from dlsfaces.data import invented

SMALL = dict(people=5, pictures=7)


@pytest.fixture(scope="module")
def sets():
    return {split: data.studio(split, 96, **SMALL) for split in ("validation", "test")}


def test_splits_share_the_people_and_no_picture(sets):
    names = {split: {photo.source.file for photo in photos} for split, photos in sets.items()}
    assert {split: len(found) for split, found in names.items()} == {"validation": 5, "test": 5}
    assert not names["validation"] & names["test"]
    for photos in sets.values():
        assert [photo.faces[0].identity for photo in photos] == list(range(5))
    train = invented.members("train", **SMALL)
    assert len(train[0]) == 25 and not set(train[1].tolist()) & {0, 1}  # pictures 0 and 1 are the other splits'


def test_one_whole_face_a_photo_at_varying_place_and_size(sets):
    boxes = []
    for photos in sets.values():
        for photo in photos:
            (face,) = photo.faces
            assert photo.image.shape == (3, 96, 96) and torch.allclose(face.box, geometry.face_box(face.landmarks))
            assert (face.box >= 0).all() and (face.box <= 96).all()
            boxes.append(face.box)
    boxes = torch.stack(boxes)
    widths = boxes[:, 2] - boxes[:, 0]
    assert widths.min() > 0.16 * 96 and widths.max() < 0.52 * 96 and widths.std() > 2
    assert (boxes[:, :2] + boxes[:, 2:]).std(0).min() > 6


def test_a_photo_is_the_same_each_time_and_another_seed_shows_others(sets):
    again = data.studio("test", 96, **SMALL)
    assert torch.equal(again[3].image, sets["test"][3].image)
    assert not torch.equal(data.studio("test", 96, seed=1, **SMALL)[3].image, again[3].image)


def test_clothes_go_on_to_the_photos_end(sets):
    """The lowest rows differ from the wall somewhere below the face."""
    for photo in sets["test"]:
        x = int((photo.faces[0].box[0] + photo.faces[0].box[2]) / 2)
        rows = photo.image.float()[:, -3:].mean(1)
        wall = rows[:, 0] if x > 48 else rows[:, -1]
        assert (rows[:, x] - wall).abs().max() > 8


def test_bad_arguments_are_named():
    for wrong, message in (
        (dict(split="dev"), "split='dev'"),
        (dict(side=20), "side=20"),
        (dict(people=2), "people=2"),
    ):
        with pytest.raises(ValueError, match=message):
            data.studio(**(dict(split="train", side=96) | SMALL | wrong))
