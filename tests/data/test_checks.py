"""Broken photos in a set: found, counted, left out, and the sound ones not looked at twice."""

import logging
import os

import numpy as np
import pytest
from PIL import Image

from dlsfaces.data import checks
from dlsfaces.data.checks import find_broken


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def opened(monkeypatch):
    """The names of the photos that were looked at."""
    names = []
    real = checks.open_photo
    monkeypatch.setattr(checks, "open_photo", lambda path, crop: (names.append(path.name), real(path, crop)))
    return names


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(12):
        noise = np.random.default_rng(n).integers(0, 255, (20, 20, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{n:02d}.jpg")
    return sorted(folder.iterdir())


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])
    return path


def check(photos, **options):
    return find_broken(photos, photos[0].parent, "mine/train", **options)


def test_sound_photos_are_looked_at_once(cache, photos, opened):
    assert check(photos) == set() and sorted(opened) == [p.name for p in photos]
    opened.clear()
    assert check(photos) == set() and opened == []


def test_what_changed_or_came_or_was_broken_is_looked_at_again(cache, photos, opened):
    cut(photos[3])
    check(photos[:-1])
    opened.clear()
    os.utime(photos[5], (1, 1))
    assert check(photos) == {photos[3]} and sorted(opened) == ["03.jpg", "05.jpg", "11.jpg"]
    Image.new("RGB", (20, 20)).save(photos[3])
    assert check(photos) == set()


def test_a_photo_cut_short_after_it_was_found_sound_is_noticed(cache, photos):
    check(photos)
    cut(photos[7])
    assert check(photos) == {photos[7]}


def test_every_kind_of_broken_photo_is_found_and_said(cache, photos, caplog):
    cut(photos[0])
    photos[1].write_text("no photo")
    photos[2].write_bytes(b"")
    photos[3].unlink()
    photos[4].unlink()
    photos[4].symlink_to("nowhere.jpg")
    with caplog.at_level(logging.WARNING):
        assert check(photos) == set(photos[:5])
    assert "mine/train: 5 of 12 photos cannot be read; they are left out" in caplog.text
    assert "00.jpg" in caplog.text and "and 2 more" in caplog.text


def test_too_small_for_the_crop_is_broken(cache, photos):
    Image.new("RGB", (9, 9)).save(photos[3])
    assert check(photos) == set()
    assert check(photos, crop=(0, 0, 10, 10)) == {photos[3]}


def test_mostly_broken_is_an_error(cache, photos):
    for path in photos[:7]:
        path.unlink()
    with pytest.raises(ValueError, match=r"7 of 12 photos cannot be read.*photos is probably another folder"):
        check(photos)
    assert check(photos[3:]) == set(photos[3:7])  # of nine, four
    with pytest.raises(ValueError, match="2 of 2 photos"):
        check(photos[:2])


def test_a_broken_cache_costs_only_the_check(cache, photos, opened):
    check(photos)
    memory = next(cache.glob("*.sound"))
    memory.write_bytes(b"\xff" * 1000 + memory.read_bytes()[3:50])
    opened.clear()
    assert check(photos) == set() and len(opened) == 12
    opened.clear()
    assert check(photos) == set() and opened == []


def test_a_cache_that_cannot_be_written_costs_only_the_check(cache, photos, opened, caplog):
    cut(photos[0])
    cache.write_text("a file where the folder should be")
    assert check(photos) == check(photos) == {photos[0]} and len(opened) == 24
    assert "could not be kept" in caplog.text


def test_an_interrupted_check_goes_on_where_it_stopped(cache, photos, opened, monkeypatch):
    monkeypatch.setattr(checks, "CHUNK", 4)
    real = checks._reasons
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(
            checks, "_reasons", lambda p, c: real(p, c) if len(opened) < 8 else (_ for _ in ()).throw(KeyboardInterrupt)
        )
        check(photos)
    opened.clear()
    assert check(photos) == set() and sorted(opened) == [p.name for p in photos[8:]]
