"""Holding people out, and synthetic people with 68 landmarks."""

import pytest
import torch

import drawpeople
from dlsfaces import data, geometry
from dlsfaces.data.records import FaceSet

SMALL = dict(people=12, pictures=7)


@pytest.fixture(scope="module")
def faces():
    return data.load("synthetic", "train", **SMALL)


def test_every_third_person_is_held_out_and_nobody_is_lost(faces):
    kept, held_out = data.split_people(faces, 3)
    assert len(kept) + len(held_out) == len(faces)
    assert held_out.people == ["2", "5", "8", "11"] and kept.people == ["0", "1", "3", "4", "6", "7", "9", "10"]
    for part in (kept, held_out):
        assert part.identities.unique().tolist() == list(range(len(part.people)))
        names = [f"person{int(part.people[i]):07d}" for i in part.identities]
        assert [f.split("_")[0] for f in part.files] == names
    assert torch.equal(held_out.images()[0], faces.images()[faces.files.index(held_out.files[0])])


def test_splits_of_a_set_hold_the_same_people_out(faces):
    other = data.split_people(data.load("synthetic", "test", **SMALL), 3)
    assert [part.people for part in other] == [part.people for part in data.split_people(faces, 3)]


@pytest.mark.parametrize(("every", "message"), [(1, "every=1"), (13, "none can be held out")])
def test_what_cannot_be_divided_is_an_error(faces, every, message):
    with pytest.raises(ValueError, match=message):
        data.split_people(faces, every)


def test_distractors_have_no_people_to_divide():
    with pytest.raises(ValueError, match="every face's person known"):
        data.split_people(data.load("synthetic", "distractors", **SMALL), 3)


def test_68_landmarks_are_those_of_the_renderer():
    many = data.load("synthetic", "test", landmarks=68, framing="loose", **SMALL)
    who = torch.arange(12)
    made = drawpeople.render(drawpeople.people(who), drawpeople.shots(who, torch.zeros_like(who)), geometry.LOOSE)
    assert torch.equal(many.landmarks, made.dense) and torch.equal(many.images(), made.images)


def test_68_landmarks_give_nearly_the_same_box_as_five():
    five, many = (data.load("synthetic", "test", landmarks=n, framing="loose", **SMALL) for n in (5, 68))
    boxes = [torch.stack([photo.faces[0].box for photo in faces]) for faces in (five, many)]
    assert geometry.iou(*boxes).diagonal().min() > 0.75


def test_five_of_68_by_their_numbers():
    points = torch.arange(68.0)[:, None].expand(68, 2)
    assert geometry.five_of(points)[:, 0].tolist() == [38.5, 44.5, 30, 48, 54]
    assert torch.equal(geometry.five_of(points[:5]), points[:5])
    with pytest.raises(ValueError, match="of 5 and of 68"):
        geometry.five_of(points[:7])


@pytest.mark.parametrize(("name", "landmarks"), [("celeba500", 68), ("synthetic", 67)])
def test_other_numbers_of_landmarks_are_refused(name, landmarks):
    with pytest.raises(ValueError, match=f"landmarks={landmarks}"):
        data.load(name, "test", landmarks=landmarks)


def test_sets_keep_their_type(faces):
    assert all(isinstance(part, FaceSet) for part in data.split_people(faces, 2))
