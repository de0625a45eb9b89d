import logging

import pytest
import torch
from safetensors.torch import save_file

import drawpeople
from dlsfaces import data
from dlsfaces.data import invented

SMALL = dict(people=5, pictures=7)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return {split: invented.load(split, cache=cache, **SMALL) for split in data.SPLITS}


def test_splits_hold_other_pictures_and_other_people(sets):
    assert [len(s) for s in sets.values()] == [25, 5, 5, 16, 25]
    files = [f for s in sets.values() for f in s.files]
    assert len(files) == len(set(files))
    who = {split: {f.split("_")[0] for f in s.files} for split, s in sets.items()}
    assert who["train"] == who["validation"] == who["test"]
    assert not who["train"] & who["query"] and not (who["train"] | who["query"]) & who["distractors"]
    assert sets["train"].identities.unique().tolist() == list(range(5)) == [int(p) for p in sets["train"].people]
    assert sets["query"].identities.bincount().tolist() == [4] * 4
    assert (sets["distractors"].identities == data.UNKNOWN).all()


def test_dials_hold_in_all_pictures_and_have_a_cache_of_their_own(sets, tmp_path):
    dials = {"yaw": 0.0, "skin_tone": 0.2}
    person, number = torch.arange(5), torch.full((5,), 0)
    people, pictures = drawpeople.people(person), drawpeople.shots(person, number)
    people["skin_tone"], pictures["yaw"] = torch.full((5,), 0.2), torch.zeros(5)
    wanted = drawpeople.render(people, pictures).images
    for _ in range(2):  # rendered, then from the cache
        found = invented.load("test", cache=tmp_path, dials=dials, **SMALL)
        assert torch.equal(found.images(), wanted)
    assert not torch.equal(invented.load("test", cache=tmp_path, **SMALL).images(), wanted)
    assert torch.equal(data.load("synthetic", "test", dials=dials, **SMALL).images(), wanted)


@pytest.mark.parametrize(
    "dials, message", [({"yow": 0}, "no 'yow'"), ({"yaw": 90}, "yaw=90"), ({"yaw": float("nan")}, "yaw=nan")]
)
def test_a_dial_that_cannot_be_set_is_named(dials, message):
    with pytest.raises(ValueError, match=f"dials: .*{message}"):
        data.load("synthetic", dials=dials, **SMALL)


def test_a_picture_is_what_the_generator_renders(sets):
    number = sets["train"].files.index("person0000003_004")
    person, picture = torch.tensor([3]), torch.tensor([4])
    alone = drawpeople.render(drawpeople.people(person), drawpeople.shots(person, picture))
    photo = sets["train"][number]
    assert torch.equal(photo.image, alone.images[0]) and torch.equal(photo.faces[0].landmarks, alone.landmarks[0])
    assert photo.faces[0].identity == 3 and photo.faces[0].box is not None
    assert sets["train"].images((20, 16)).shape == (25, 3, 20, 16)


def test_the_cache_is_used_and_keyed_by_all_that_matters(tmp_path, monkeypatch):
    rendered = []
    render = drawpeople.render
    monkeypatch.setattr(drawpeople, "render", lambda *a: rendered.append(1) or render(*a))
    first = invented.load("validation", cache=tmp_path, **SMALL).images()
    again = invented.load("validation", cache=tmp_path, **SMALL).images()
    assert torch.equal(first, again) and len(rendered) == 1
    for other in (dict(seed=1), dict(framing="loose"), dict(pictures=8, people=6)):
        invented.load("validation", cache=tmp_path, **SMALL | other)
    assert len(rendered) == 4
    monkeypatch.setattr(drawpeople, "VERSION", drawpeople.VERSION + 1)
    invented.load("validation", cache=tmp_path, **SMALL)
    assert len(rendered) == 5 and len(list(tmp_path.iterdir())) == 1  # the outdated ones make room
    assert not torch.equal(first, invented.load("validation", cache=tmp_path, seed=1, **SMALL).images())


def _truncate(path):
    path.write_bytes(path.read_bytes()[:1000])


def _flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


def _other_pictures(path):
    save_file({"images": torch.zeros(2, 3, 10, 10).byte(), "landmarks": torch.zeros(2, 5, 2)}, path)


@pytest.mark.parametrize("harm", [_truncate, _flip_a_bit, _other_pictures])
def test_a_broken_cache_is_rebuilt_and_said(tmp_path, caplog, harm):
    first = invented.load("validation", cache=tmp_path, **SMALL).images()
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    harm(path)
    with caplog.at_level(logging.WARNING):
        assert torch.equal(invented.load("validation", cache=tmp_path, **SMALL).images(), first)
    assert "is broken" in caplog.text and path.read_bytes() == whole


def test_no_place_for_a_cache_costs_only_the_cache(tmp_path, caplog):
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        assert len(invented.load("validation", cache=tmp_path / "file" / "cache", **SMALL)) == 5
    assert "could not be kept" in caplog.text
