"""Folders as people have them: years below names, photos of any size and kind, links, and other layouts."""

import logging
import os
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dlsfaces import data, geometry
from dlsfaces.data import folder, folders, images


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path / "cache"))


def photo(path, size=(40, 50), form=None, shade=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, 0, 0)).save(path, form)
    return path


def people(root, names=("Ada", "Bob", "Cem", "Dov", "Eva"), count=7):
    for name in names:
        for n in range(count):
            photo(root / name / f"{n}.png", shade=10 * n)
    return root


def all_files(root):
    return sorted(file for split in data.SPLITS for file in data.load(root, split).files)


def left_out(caplog):
    found = [r.message for r in caplog.records if "left out are" in r.message]
    caplog.clear()
    return found[0].split("left out are ")[1] if found else ""


@pytest.mark.fault("skipped photos")
def test_photos_in_folders_of_a_persons_folder_are_the_persons(tmp_path, caplog):
    root = people(tmp_path / "faces")
    for n, place in enumerate(("2020", "2021/may", "2021/may/deeper/still/and/more/than/that")):
        photo(root / "Ada" / place / f"n{n}.png")
    photo(root / "Gil" / "2020" / "1.png")
    found = folder.find_people(root)
    assert {person: len(paths) for person, paths in found.items()} == dict(Ada=10, Bob=7, Cem=7, Dov=7, Eva=7, Gil=1)
    assert len(all_files(root)) == 39 and "Ada/2020/n0.png" in all_files(root) and not caplog.records


@pytest.mark.fault("skipped photos")
def test_every_ending_that_can_be_read_is(tmp_path, caplog):
    root = people(tmp_path / "faces")
    forms = {"jfif": "JPEG", "jpe": "JPEG", "JPG": "JPEG", "mpo": "MPO", "pgm": "PPM", "ppm": "PPM", "tif": "TIFF"}
    forms |= {"gif": "GIF", "apng": "PNG", "bmp": "BMP", "WebP": "WEBP"}
    forms |= {"avif": "AVIF"} if "AVIF" in images.FORMATS else {}
    for ending, form in forms.items():
        photo(root / "Ada" / f"more.{ending}", form=form)
    assert set(all_files(root)) > {f"Ada/more.{ending}" for ending in forms} and not caplog.records


@pytest.mark.fault("skipped photos")
def test_what_is_left_out_is_counted_and_named_in_one_warning(tmp_path, caplog):
    root = people(tmp_path / "faces")
    for name in ("Ada/film.mp4", "Ada/raw.dng", "Bob/README", "Cem/x.PSD"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"no image")
    before = all_files(root)
    caplog.clear()
    for name in ("Ada/._1.jpg", "Ada/Thumbs.db", "Bob/notes.txt", "__MACOSX/1.jpg", ".hidden/1.jpg", "labels.csv"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"litter")
    photo(root / "a group.png")
    (root / "nobody").mkdir()
    data.load(root, "train")
    assert len(caplog.records) == 1 and all_files(root) == before
    said = "1 images beside the people's folders (a group.png), 1 folders without images (nobody)"
    assert sorted(left_out(caplog).split(", ")) == sorted([*said.split(", "), "4 files that are no images (film.mp4)"])


@pytest.mark.fault("skipped photos")
def test_files_that_are_empty_or_heic_are_skipped_by_name(tmp_path, caplog):
    root = people(tmp_path / "faces")
    (root / "Ada" / "empty.jpg").touch()
    (root / "Ada" / "iphone.HEIC").write_bytes(b"\0\0\0\x24ftypheic" + bytes(30))
    sets = [data.load(root, split) for split in data.SPLITS]
    assert sorted(name for faces in sets for name in faces.skipped) == ["Ada/empty.jpg", "Ada/iphone.HEIC"]
    assert sum("skipped" in repr(faces) for faces in sets) in (1, 2)
    assert "2 of 37 images cannot be read" in caplog.text and "a HEIC or damaged AVIF" in caplog.text


@pytest.mark.fault("skipped photos")
@pytest.mark.parametrize(
    "parts", [("train", "val", "test"), ("Training", "validation"), ("train_set", "Test 1"), ("train", "query")]
)
def test_a_set_that_is_divided_already_is_refused(tmp_path, parts):
    for part in parts:
        people(tmp_path / "set" / part)
    photo(tmp_path / "set" / "covers" / "1.png")
    with pytest.raises(ValueError, match=f"in .*set, {' and '.join(sorted(parts))} hold people .* give one of them"):
        data.load(tmp_path / "set")
    assert len(all_files(tmp_path / "set" / parts[0])) == 35


@pytest.mark.fault("skipped photos")
def test_a_folder_around_the_peoples_is_refused_and_a_person_called_test_is_none(tmp_path):
    people(tmp_path / "a" / "images")
    with pytest.raises(ValueError, match="images hold people rather than being people"):
        data.load(tmp_path / "a")
    others = people(tmp_path / "b", ("Test", "Ada", "Bob", "Val_Adams", "Val_Brown"))
    assert {"Test/1.png", "Val_Adams/1.png"} < {*all_files(others)}


@pytest.mark.fault("skipped photos")
def test_a_person_under_two_names_by_unicode_form_is_one(tmp_path):
    root = people(tmp_path / "faces")
    for form in ("NFC", "NFD"):
        photo(root / unicodedata.normalize(form, "Zoé") / f"{form}.png")
    assert len(folder.find_people(root)[unicodedata.normalize("NFC", "Zoé")]) == 2


@pytest.mark.fault("endless links")
def test_links_of_folders_show_nobody_twice_and_never_end(tmp_path, caplog):
    root = people(tmp_path / "faces")
    before = all_files(root)
    (root / "Ada" / "me").symlink_to(root / "Ada")
    (root / "Ada" / "all").symlink_to(root)
    (root / "Aaron").symlink_to(root / "Bob")
    (root / "Bob" / "friend").symlink_to(root / "Cem")
    (root / "Cem" / "itself").symlink_to(root / "Cem" / "itself")
    assert all_files(root) == before
    assert "4 links to folders that are here already (Aaron)" in left_out(caplog)
    linked = tmp_path / "chosen"
    linked.mkdir()
    for name in ("Ada", "Bob", "Cem", "Dov"):
        (linked / name).symlink_to(root / name)
    assert set(folder.find_people(linked)) >= {"Ada", "Bob", "Cem", "Dov"}


def striped(path, size):
    """White, but for a black square of a fifth of its shorter side in the middle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image, side = np.full((size[1], size[0], 3), 255, np.uint8), min(size) // 5
    y, x = (size[1] - side) // 2, (size[0] - side) // 2
    image[y : y + side, x : x + side] = 0
    Image.fromarray(image).save(path)


@pytest.mark.fault("endless links")
def test_a_search_of_all_of_the_machine_ends(tmp_path, monkeypatch):
    for name in ("gone", "z"):
        (tmp_path / name / "celeba").mkdir(parents=True)
    place_of = folders.place_of

    def gone_since(path):  # as processes go, whose folders are in /proc
        if path.name == "gone":
            raise FileNotFoundError(path)
        return place_of(path)

    monkeypatch.setattr(folders, "place_of", gone_since)
    assert folders.find_folder(("celeba",), tmp_path) == tmp_path / "z" / "celeba"


@pytest.mark.fault("skipped photos")
def test_a_persons_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch, caplog):
    root, iterdir = people(tmp_path / "faces"), Path.iterdir

    def locked(path):
        if path.name == "Cem":
            raise PermissionError(path)
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", locked)
    assert list(folder.find_people(root)) == ["Ada", "Bob", "Dov", "Eva"]
    assert left_out(caplog) == "1 folders that cannot be listed (Cem)"


@pytest.mark.fault("mixed sizes")
def test_photos_of_several_sizes_are_not_stretched(tmp_path, caplog):
    root = tmp_path / "faces"
    for name in (f"P{i}" for i in range(9)):
        for n in range(7):
            striped(root / name / f"{n}.png", (40, 50))
    for k, size in enumerate(((80, 100), (200, 50), (40, 250), (30, 30))):
        for name in ("P0", "P1", "P2"):
            striped(root / name / f"other {k}.png", size)
    sets = [data.load(root, split) for split in data.SPLITS]
    assert {faces.crop_size for faces in sets} == {(50, 40)}
    assert "are not of the proportions of 40x50; their middle is shown" in caplog.text
    for faces in sets:
        images = faces.images()
        assert torch.equal(images, torch.stack([photo.image for photo in faces]))
        for i, file in enumerate(faces.files):
            dark = (images[i, 0] < 128).nonzero()
            high, wide = (dark.max(0).values - dark.min(0).values + 1).tolist()
            assert abs(high - wide) <= 1, file  # a square is still one
            size = Image.open(root / file).size
            to_photo = geometry.inverse(faces[i].faces[0].photo_to_crop)
            (x1, y1), (x2, y2) = geometry.move_points(to_photo, torch.tensor([[0.0, 0], [40, 50]])).tolist()
            assert (x2 - x1) / (y2 - y1) == pytest.approx(0.8, abs=1e-3) and min(x1, y1) > -1e-3
            assert (x1 + x2, y1 + y2) == pytest.approx(size, abs=1e-3)  # the middle
            assert (x2 - x1 == pytest.approx(size[0], abs=1e-3)) or (y2 - y1 == pytest.approx(size[1], abs=1e-3))
        double = faces.images((100, 80)).float()
        assert (double.mean((1, 2, 3)) - images.float().mean((1, 2, 3))).abs().max() < 9


@pytest.mark.fault("mixed sizes")
def test_sets_of_several_sizes_go_where_others_go(tmp_path):
    for k, size in enumerate(((40, 50), (80, 50), (40, 90))):
        for name in ("Ada", "Bob", "Cem", "Dov", "Eva"):
            for n in range(4):
                striped(tmp_path / "faces" / name / f"{k} {n}.png", size)
    faces = data.load(tmp_path / "faces")
    assert faces.photo_to_crop.shape == (len(faces), 2, 3)
    moved = data.unaligned(faces)
    assert moved.images().shape == (len(faces), 3, 50, 40) and moved.photo_to_crop.shape == (len(faces), 2, 3)
    part = faces.subset([3, -1])
    assert torch.equal(part.photo_to_crop, faces.photo_to_crop[[3, -1]])
    assert torch.equal(data.joined(faces, faces).images(), faces.images().repeat(2, 1, 1, 1))
    assert next(iter(data.batches(faces, (25, 20), 4)))[0].shape == (4, 3, 25, 20)
    assert data.plant_trash(faces, 0.3, {"dark": 1}).photo_to_crop.shape == (len(faces), 2, 3)


@pytest.mark.fault("mixed sizes")
def test_one_size_is_left_as_it_is(tmp_path, caplog):
    faces = data.load(people(tmp_path / "faces"))
    assert faces.photo_to_crop.tolist() == [[1, 0, 0], [0, 1, 0]] and not caplog.records
    for n in range(7):  # larger, but of the same proportions: whole
        photo(tmp_path / "faces" / "Ada" / f"{n}.png", (120, 150))
    with caplog.at_level(logging.WARNING):
        assert data.load(tmp_path / "faces").crop_size == (50, 40) and not caplog.records


@pytest.mark.fault("obscure arguments")
def test_a_folder_is_found_however_it_is_written(tmp_path, monkeypatch):
    root = people(tmp_path / "Ada's faces, 100% (новые)")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    expected = data.load(root, "train").files
    for way in (str(root), f"{root}/", f"~/{root.name}", Path("~", root.name), root.name, f"./{root.name}//", root):
        faces = data.load(way, "train")
        assert faces.files == expected and faces.name == root.name
    for top in ("~", tmp_path, str(tmp_path), ".", f"{tmp_path}/"):
        assert data.load(root.name, "train", top).files == expected
    with pytest.raises(FileNotFoundError, match="~nobody-here/faces' is no folder"):
        data.load("~nobody-here/faces")
    with pytest.raises(FileNotFoundError, match=rf"{tmp_path}/elsewhere' is no folder"):
        data.load("elsewhere", root=tmp_path)


@pytest.mark.fault("obscure arguments")
@pytest.mark.parametrize("home", ["~/it's here", "~/it's here/"])
def test_a_tilde_and_an_apostrophe_in_the_settings(tmp_path, monkeypatch, home):
    monkeypatch.setenv("HOME", str(tmp_path))
    people(tmp_path / "it's here" / "lfw")
    monkeypatch.setattr(folder, "LFW_CROP", None)
    monkeypatch.setenv("DLSFACES_ROOT", home)
    monkeypatch.setenv("DLSFACES_CACHE", home + "/cache")
    assert len(data.load("lfw", "train")) == 15
    assert data.load("lfw", "train", home).files == data.load("lfw", "train").files
    assert list((tmp_path / "it's here" / "cache").glob("looked-at-*")) and not os.path.exists("~")


@pytest.mark.fault("slow with size")
def test_time_grows_with_the_people_not_with_their_square(tmp_path):
    def seconds(count):
        photos = {f"p{i}": [f"p{i}/{n}" for n in range(3)] for i in range(count)}
        before = time.perf_counter()
        files = folder.divide(folder.best_covered(photos, count - 1), "train")
        faces = [folder.numbered(files)]
        ids = torch.tensor(list(faces[0].values()))
        some = data.FaceSet("n", "train", "tight", list(faces[0]), ids, list(files), None, (4, 4))
        data.split_people(some.subset(range(0, len(some), 2)).subset(some.identities[::2] >= 0), 5)
        data.joined(some, some)
        data.plant_trash(some, 0.1, {"wrong_identity": 1, "dark": 1})
        return time.perf_counter() - before

    seconds(100)
    assert min(seconds(8000) for _ in range(2)) < 32 * min(seconds(1000) for _ in range(3))
