"""The built-in people as a set: splits, dials, the 68 landmarks, and what is kept of them on disk."""

import logging

import pytest
import torch

import drawpeople
from dlsfaces import data, geometry

SMALL = dict(people=5, images_per_person=7)


@pytest.fixture(scope="module")
def sets():
    return {split: data.load("synthetic", split, **SMALL) for split in data.SPLITS}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path))
    return tmp_path


def test_splits_hold_other_images_and_other_people(sets):
    assert [len(s) for s in sets.values()] == [25, 5, 5, 16, 25]
    files = [f for s in sets.values() for f in s.files]
    assert len(files) == len(set(files))
    who = {split: {f.split("_")[0] for f in s.files} for split, s in sets.items()}
    assert who["train"] == who["validation"] == who["test"]
    assert not who["train"] & who["query"] and not (who["train"] | who["query"]) & who["distractors"]
    assert sets["train"].identities.unique().tolist() == list(range(5)) == [int(p) for p in sets["train"].people]
    assert sets["query"].identities.bincount().tolist() == [4] * 4
    assert (sets["distractors"].identities == data.UNKNOWN).all()


def test_an_image_is_what_the_generator_renders(sets):
    number = sets["train"].files.index("person0000003_004")
    person, shot = torch.tensor([3]), torch.tensor([4])
    alone = drawpeople.render(drawpeople.people(person), drawpeople.shots(person, shot))
    photo = sets["train"][number]
    assert torch.equal(photo.image, alone.images[0]) and torch.equal(photo.faces[0].landmarks, alone.landmarks[0])
    assert photo.faces[0].identity == 3 and photo.faces[0].box is not None
    assert sets["train"].images((20, 16)).shape == (25, 3, 20, 16)


def test_dials_hold_in_all_images_and_have_a_cache_of_their_own(cache):
    dials = {"yaw": 0.0, "skin_tone": 0.2}
    person, number = torch.arange(5), torch.zeros(5, dtype=torch.int64)
    people, shots = drawpeople.people(person), drawpeople.shots(person, number)
    people["skin_tone"], shots["yaw"] = torch.full((5,), 0.2), torch.zeros(5)
    wanted = drawpeople.render(people, shots).images
    for _ in range(2):  # rendered, then from the cache
        assert torch.equal(data.load("synthetic", "test", dials=dials, **SMALL).images(), wanted)
    assert not torch.equal(data.load("synthetic", "test", **SMALL).images(), wanted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(dials={"yow": 0}), "dials: there is no 'yow'"),
        (dict(dials={"yaw": 90}), "dials: yaw=90"),
        (dict(dials={"yaw": float("nan")}), "dials: yaw=nan"),
        (dict(people=4), "at least 5 people and 7 images"),
        (dict(root="/no/such"), "takes no root"),
    ],
)
def test_what_the_set_does_not_take_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        data.load("synthetic", **options)
    with pytest.raises(ValueError, match="landmarks=67"):
        data.load_built_in("test", landmarks=67)


def test_68_landmarks_are_those_of_the_renderer():
    five, many = (data.load_built_in("test", "loose", landmarks=n, **SMALL) for n in (5, 68))
    who = torch.arange(5)
    made = drawpeople.render(drawpeople.people(who), drawpeople.shots(who, torch.zeros_like(who)), geometry.LOOSE)
    assert torch.equal(many.landmarks, made.dense) and torch.equal(many.images(), made.images)
    boxes = [torch.stack([photo.faces[0].box for photo in faces]) for faces in (five, many)]
    assert geometry.iou(*boxes).diagonal().min() > 0.75
    points = torch.arange(68.0)[:, None].expand(68, 2)
    assert geometry.five_of(points)[:, 0].tolist() == [38.5, 44.5, 30, 48, 54]


def test_the_cache_is_used_and_keyed_by_all_that_matters(cache, monkeypatch):
    rendered = []
    render = drawpeople.render
    monkeypatch.setattr(drawpeople, "render", lambda *a: rendered.append(1) or render(*a))
    first, again = (data.load("synthetic", "validation", **SMALL).images() for _ in range(2))
    assert torch.equal(first, again) and len(rendered) == 1
    for other in (dict(seed=1), dict(framing="loose"), dict(images_per_person=8, people=6)):
        data.load("synthetic", "validation", **SMALL | other)
    assert len(rendered) == 4
    monkeypatch.setattr(drawpeople, "VERSION", drawpeople.VERSION + 1)
    data.load("synthetic", "validation", **SMALL)
    assert len(rendered) == 5 and len(list(cache.iterdir())) == 1  # the outdated ones make room
    assert not torch.equal(first, data.load("synthetic", "validation", seed=1, **SMALL).images())


@pytest.mark.parametrize("content", [lambda whole: whole[:1000], lambda whole: whole[:-9] + b"!" + whole[-8:]])
def test_a_broken_cache_is_drawn_anew_and_said(cache, caplog, content):
    first = data.load("synthetic", "validation", **SMALL).images()
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    path.write_bytes(content(whole))
    with caplog.at_level(logging.WARNING):
        assert torch.equal(data.load("synthetic", "validation", **SMALL).images(), first)
    assert "is broken" in caplog.text and path.read_bytes() == whole


def test_no_place_for_a_cache_costs_only_the_cache(tmp_path, caplog, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        assert len(data.load("synthetic", "validation", **SMALL)) == 5
    assert "could not be kept" in caplog.text
