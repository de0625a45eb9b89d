"""The data sets, on small copies of their layout made here."""

import csv
import hashlib
import logging
import pickle
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dlsfaces import data
from dlsfaces.data import celeba, celeba500, folder, folders
from dlsfaces.data.records import Source

PEOPLE = 12


def make_image(path, number, size=(178, 218)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[..., 0], image[75:175, 44:127, 1] = number, 200
    Image.fromarray(image).save(path.with_suffix(".png"))
    return path.with_suffix(".png")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """What the course keeps, it keeps here."""
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data set on this machine, and no network."""
    monkeypatch.setattr(folders, "KAGGLE_INPUT", tmp_path / "kaggle")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DLSFACES_ROOT", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: (_ for _ in ()).throw(OSError("network is down")))
    return tmp_path


def make_celeba500(root):
    train = root / "celebA_train_500"
    names, annotation, split = [], [], []
    for n in range(8):
        name = make_image(train / "celebA_imgs" / f"{n:06d}", n).name
        names.append(name)
        annotation.append(f"{name} {n % 3}")
        split.append(f"{name} {(0, 0, 0, 0, 1, 1, 2, 2)[n]}")
    (train / "celebA_anno.txt").write_text("\n".join(annotation) + "\n")
    (train / "celebA_train_split.txt").write_text("\n".join(split) + "\n")
    header = "name,prob,x1,y1,x2,y2" + ",p" * 10
    points = [70, 112, 109, 112, 89, 137, 72, 153, 107, 153]
    rows = [f"{names[0]},1,0,0,9,9," + ",".join(map(str, points)), f"{names[1]}" + "," * 15]
    (train / "landmarks_mtcnn.csv").write_text("\n".join([header, *rows]) + "\n")
    test = root / "celebA_ir"
    query = [make_image(test / "celebA_query" / f"q{n}", 100 + n, (83, 100)).name for n in range(4)]
    [make_image(test / "celebA_distractors" / f"d{n}", 150 + n, (83, 100)) for n in range(3)]
    with (test / "celebA_anno_query.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["img", "id"], *([name, 35 + n // 2] for n, name in enumerate(query))])
    return root


def test_celeba500_has_its_splits_crops_and_landmarks(tmp_path):
    make_celeba500(tmp_path)
    train, validation, test, query, distractors = (data.load("celeba500", s, tmp_path) for s in data.SPLITS)
    assert [len(s) for s in (train, validation, test, query, distractors)] == [4, 2, 2, 4, 3]
    assert train.identities.tolist() == [0, 1, 2, 0] and query.identities.tolist() == [35, 35, 36, 36]
    assert distractors.identities.tolist() == [data.UNKNOWN] * 3
    photo = train[0]
    assert photo.image.shape == (3, 100, 83) and (photo.image[1] == 200).all()  # just what lies in the tight box
    assert photo.source == Source("000000.png", "celeba500", "train")
    assert photo.faces[0].landmarks.tolist() == [[26, 37], [65, 37], [45, 62], [28, 78], [63, 78]]
    assert photo.faces[0].box is not None and train[1].faces[0].landmarks is None and train[1].faces[0].box is None
    assert query[-1].image[0, 0, 0] == 103 and query[-1].faces[0].identity == 36
    loose = data.load("celeba500", "train", tmp_path, framing="loose")
    assert loose[0].image.shape == (3, 218, 178) and loose[0].faces[0].landmarks[0].tolist() == [70, 112]
    with pytest.raises(ValueError, match="tight crops only"):
        data.load("celeba500", "query", tmp_path, framing="loose")
    assert train.images((50, 40)).shape == (4, 3, 50, 40)
    assert repr(train) == "FaceSet(celeba500/train: 4 images, 3 people, tight framing)"


def test_celeba500_under_kaggle_in_two_data_sets(nowhere):
    made = make_celeba500(nowhere / "made")
    for n, part in enumerate(("celebA_train_500", "celebA_ir")):
        target = nowhere / "kaggle" / "datasets" / "owner" / f"set-{n}" / part  # and a folder in a folder
        target.mkdir(parents=True)
        (made / part).rename(target / part)
    assert len(data.load("celeba500", "train")) == 4 and len(data.load("celeba500", "query")) == 4


@pytest.mark.fault("empty folder")
@pytest.mark.parametrize("left", ["", "celebA_anno.txt", "celebA_anno.txt celebA_train_split.txt celebA_imgs"])
def test_what_a_failure_left_in_the_cache_does_not_hide_a_copy_of_celeba500(nowhere, left):
    make_celeba500(nowhere / "data")
    for part in ("celebA_train_500", "celebA_ir"):
        (nowhere / "cache" / part).mkdir(parents=True)
    for name in left.split():  # lists of an earlier attempt, and an empty folder for the images
        path = nowhere / "cache" / "celebA_train_500" / name
        path.write_text("1.png 0\n") if path.suffix else path.mkdir()
    assert len(data.load("celeba500", "train")) == 4 and len(data.load("celeba500", "query")) == 4


def test_celeba500_that_cannot_be_had_says_why_and_what_to_do(nowhere):
    with pytest.raises(data.DataUnavailable, match=r"network is down.*To get it by hand.*disk\.yandex.*DLSFACES_ROOT"):
        data.load("celeba500")
    empty = nowhere / "empty"
    empty.mkdir()
    with pytest.raises(data.DataUnavailable, match=rf"no folder celebA_train_500 with a .* in {empty}"):
        data.load("celeba500", root=empty)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        data.load("celeba500", root=nowhere / "missing")


def test_photos_that_cannot_be_read_are_left_out_of_celeba500(tmp_path):
    make_celeba500(tmp_path)
    images = dict.fromkeys(celeba500.TRAIN_SPLITS, tmp_path / "celebA_train_500" / "celebA_imgs")
    images |= {split: tmp_path / "celebA_ir" / f"celebA_{split}" for split in ("query", "distractors")}
    for split, folder_of_images in images.items():
        expect_one_left_out(lambda split: data.load("celeba500", split, tmp_path), folder_of_images, [split])
    loose, tight = (data.load("celeba500", "train", tmp_path, framing=f) for f in ("loose", "tight"))
    assert loose.skipped == tight.skipped == ["000001.png"]


def test_celeba500_whose_lists_do_not_agree(tmp_path, caplog):
    make_celeba500(tmp_path)
    (tmp_path / "celebA_train_500" / "celebA_train_split.txt").write_text("000000.png 0\n000001.png 0\n")
    with caplog.at_level(logging.WARNING):
        assert len(data.load("celeba500", "train", tmp_path)) == 2
    assert "do not name the same images; 6 are ignored" in caplog.text
    with pytest.raises(ValueError, match="name no image of the split 'test'"):
        data.load("celeba500", "test", tmp_path)


def test_celeba500_of_which_a_part_is_missing(tmp_path):
    make_celeba500(tmp_path)
    for split, missing in (("train", "celebA_imgs"), ("train", "celebA_train_split.txt"), ("query", "celebA_query")):
        path = next(tmp_path.rglob(missing))
        path.rename(tmp_path / "elsewhere")
        with pytest.raises(data.DataUnavailable, match=rf"{missing} is missing: the copy of CelebA-500 is incomplete"):
            data.load("celeba500", split, tmp_path)
        (tmp_path / "elsewhere").rename(path)


LANDMARKS = "name,prob,x1,y1,x2,y2" + ",p" * 10 + "\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("celebA_anno.txt", "000000.png 0\n\n000001.png\n", "line 3: expected 'name number', found '000001.png'"),
        ("celebA_anno.txt", f"000000.png {10**12}\n", "line 1: expected a number from 0 to 999999"),
        ("celebA_anno.txt", "a.png 0\na.png 1\n", "line 2: a.png is listed a second time"),
        ("celebA_anno.txt", "a.png 0\n".encode("utf-16"), "cannot be read .*utf-8"),
        ("celebA_train_split.txt", "000000.png 3\n", "line 1: expected a number from 0 to 2"),
        ("celebA_anno.txt", "\n", "is empty"),
        ("celebA_anno_query.csv", "img,who\nq0.png,3\n", "line 1: expected the columns 'img' and 'id'"),
        ("celebA_anno_query.csv", "img,id\nq0.png,3\nq1.png\n", "line 3: 1 fields, but the header has 2"),
        ("celebA_anno_query.csv", "img,id\nq0.png,-3\n", "line 2: expected a number"),
        ("landmarks_mtcnn.csv", "name,x\n", "line 1: expected 16 columns"),
        ("landmarks_mtcnn.csv", LANDMARKS + "a.png,1,0,0,9,9" + ",1" * 9 + ",x\n", "line 2: a landmark is no number"),
    ],
)
def test_damaged_lists_are_named_with_their_line(tmp_path, name, content, message):
    make_celeba500(tmp_path)
    next(tmp_path.rglob(name)).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=rf"{name}.*{message}"):
        data.load("celeba500", "query" if "query" in name else "train", tmp_path)


def test_lists_as_editors_save_them(tmp_path):
    (tmp_path / "a").write_text("\ufeffa.jpg 0\r\n\r\n  \r\nb.jpg\t7\r\na.jpg 0")
    assert celeba500.read_numbers(tmp_path / "a", 8) == {"a.jpg": 0, "b.jpg": 7}
    (tmp_path / "b").write_text('\ufeffid,"img",more\r\n35,a.jpg,\r\n\r\n36,"b.jpg",x')
    assert celeba500.read_identities(tmp_path / "b") == {"a.jpg": 35, "b.jpg": 36}


@pytest.mark.fault("no home")
def test_a_machine_without_a_home_is_told_what_to_name(monkeypatch):
    monkeypatch.delenv("DLSFACES_CACHE")
    monkeypatch.setattr(folders.Path, "expanduser", lambda path: (_ for _ in ()).throw(RuntimeError("no home.")))
    with pytest.raises(RuntimeError, match=r"no home.*DLSFACES_CACHE"):
        folders.cache_folder()


@pytest.mark.fault("endless links")
def test_links_and_locked_folders_do_not_stop_the_search(tmp_path, monkeypatch):
    make_celeba500(tmp_path / "z" / "deep")
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    (tmp_path / "a").mkdir()
    for n in range(30):
        (tmp_path / "a" / f"up {n}").symlink_to(tmp_path)
    (tmp_path / "other name").symlink_to(tmp_path / "z")
    (tmp_path / "locked").mkdir()
    listdir = folders.os.listdir

    def locked(folder):
        if Path(folder).name == "locked":
            raise PermissionError(folder)
        return listdir(folder)

    monkeypatch.setattr(folders.os, "listdir", locked)
    assert folders.find_folder(("celebA_ir",), tmp_path) == tmp_path / "other name" / "deep" / "celebA_ir"
    assert folders.find_folder(("missing",), tmp_path) is None
    assert folders.find_folder(("celebA_ir",), tmp_path, "something else") is None


def make_folder(root, counts, size=(40, 50)):
    for person, count in counts.items():
        for n in range(count):
            make_image(root / person / f"photo {n}", n, size)
    return root


COUNTS = {f"Имя {i}": 5 + i % 4 for i in range(10)} | {"lonely": 1, "alone": 1}


def test_a_folder_is_divided_without_overlap(tmp_path):
    root = make_folder(tmp_path / "my faces", COUNTS)
    (root / "empty person").mkdir()
    sets = {s: data.load(root, s) for s in data.SPLITS}
    files = [f for s in sets.values() for f in s.files]
    assert len(files) == len(set(files)) == sum(COUNTS.values())
    persons = {s: {f.split("/")[0] for f in faces.files} for s, faces in sets.items()}
    assert persons["train"] == persons["validation"] == persons["test"]
    assert len(persons["train"] | persons["query"] | persons["distractors"]) == 12
    assert not persons["query"] & persons["distractors"] and {"lonely", "alone"} <= persons["distractors"]
    assert not persons["train"] & (persons["query"] | persons["distractors"])
    assert sets["train"].identities.unique().tolist() == list(range(8))
    assert [sets["train"].people[i] for i in sets["train"].identities[:1]] == [sets["train"].files[0].split("/")[0]]
    assert (sets["distractors"].identities == data.UNKNOWN).all()
    assert data.load(root, "train").files == sets["train"].files
    assert sets["train"][0].image.shape == (3, 50, 40)


def test_the_best_covered_people(tmp_path):
    root = make_folder(tmp_path / "faces", {"a": 3, "b": 9, "c": 5, "d": 1})
    assert data.load(root, "train", people=2).people == ["b", "c"]
    with pytest.raises(ValueError, match="people=0"):
        data.load(root, "train", people=0)
    with pytest.raises(ValueError, match="no images for the split 'query'"):
        data.load(root, "query")


def test_a_folder_with_a_crop(tmp_path):
    root = make_folder(tmp_path / "aligned", {"a": 3, "b": 3}, (178, 218))
    photo = folder.load(root, "train", crop=(44, 75, 127, 175))[0]
    assert photo.image.shape == (3, 100, 83) and (photo.image[1] == 200).all()
    assert photo.faces[0].photo_to_crop.tolist() == [[1, 0, -44], [0, 1, -75]]
    first = photo.source.file
    make_image(root / first, 0, (20, 20))
    assert folder.load(root, "train", crop=(0, 0, 30, 30)).skipped == [first]


@pytest.mark.fault("empty folder")
def test_lfw_from_a_local_copy_or_with_advice(nowhere):
    make_folder(nowhere / "data" / "lfw" / "lfw", COUNTS, (250, 250))
    assert data.load("lfw", "train")[0].image.shape == (3, 108, 89)
    files = data.load("lfw", "train").files
    for left in ("cache/lfw", "data/lfw-deepfunneled/empty", "data/lfw-funneled/lfw_funneled"):
        (nowhere / left).mkdir(parents=True)
    assert data.load("lfw", "train").files == files and data.load("lfw", "train").name == "lfw"
    (nowhere / "data").rename(nowhere / "elsewhere")
    with pytest.raises(data.DataUnavailable, match=r"no copy of LFW here.*fetch_lfw_people"):
        data.load("lfw")
    assert len(data.load("lfw", "query", nowhere / "elsewhere")) > 0


def test_photos_that_cannot_be_read_are_left_out_of_a_folder(tmp_path):
    root = make_folder(tmp_path / "faces", COUNTS)
    expect_one_left_out(lambda split: data.load(root, split), root)


def expect_one_left_out(load, images, splits=data.SPLITS):
    """Cut the second photo of every split short: that one is left out of everything, and nothing else changes."""
    before = {split: load(split) for split in splits}
    whole = {split: faces.images() for split, faces in before.items()}
    for faces in before.values():
        path = images / faces.files[1]
        path.write_bytes(path.read_bytes()[:-20])
    for split, old in before.items():
        kept = [0, *range(2, len(old))]
        for new in (load(split), load(split)):  # looked at, and remembered
            assert new.skipped == [old.files[1]] and new.files == [old.files[i] for i in kept]
            assert len(new) == len(list(new)) == len(kept) and new.people == old.people
            assert torch.equal(new.identities, old.identities[kept])
            assert torch.equal(new.images(), whole[split][kept])
        if old.landmarks is not None:
            assert torch.equal(new.landmarks.nan_to_num(), old.landmarks[kept].nan_to_num())
        seen = torch.cat([index for _, _, index in data.batches(new, new.crop_size, 2)])
        assert seen.tolist() == list(range(len(kept)))
        assert repr(new).endswith("tight framing, 1 skipped)") and new.subset([0]).skipped == new.skipped


def test_a_division_does_not_depend_on_how_accents_are_stored(tmp_path):
    counts = {f"Андрій Й{i} é": 7 for i in range(10)} | {"Zoë": 1}
    sets = []
    for form in ("NFC", "NFD"):
        root = tmp_path / form
        for person, n in ((person, n) for person, count in counts.items() for n in range(count)):
            make_image(root / unicodedata.normalize(form, f"{person}/й {n}"), n, (40, 50))
        sets.append({split: data.load(root, split) for split in data.SPLITS})
    for composed, decomposed in zip(sets[0].values(), sets[1].values()):
        assert [unicodedata.normalize("NFC", name) for name in decomposed.files] == composed.files
        assert decomposed.people == composed.people and torch.equal(decomposed.identities, composed.identities)
        assert torch.equal(decomposed.images(), composed.images())


def test_nothing_to_load(tmp_path, caplog):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty holds no person: it needs folders of images, such as .*Ada/1\.jpg$"):
        data.load(tmp_path / "empty")
    for name in ("celebb", "n" * 5000):
        with pytest.raises(FileNotFoundError, match="is none of synthetic"):
            data.load(name)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        folder.load(tmp_path / "missing", "train")
    root = make_folder(tmp_path / "one", {"a": 1})
    assert data.load(root, "distractors").identities.tolist() == [data.UNKNOWN]
    with pytest.raises(ValueError, match="no images for the split 'train': it holds 1 people with 1 images"):
        data.load(root, "train")


def make_celeba(root, monkeypatch):
    """CelebA's own tables for 12 people of 6 images: people 1-8 in the training partition, 9-12 in the test one."""
    base = root / "celeba"
    names = []
    for n in range(PEOPLE * 6):
        names.append(make_image(base / "img_align_celeba" / f"{n + 1:06d}", n).name)
    person = [1 + n // 6 for n in range(len(names))]
    lines = {
        "list_eval_partition.txt": [f"{f} {0 if p <= 8 else 2}" for f, p in zip(names, person, strict=True)],
        "identity_CelebA.txt": [f"{f} {p}" for f, p in zip(names, person, strict=True)],
        "list_bbox_celeba.txt": ["n", "image_id x_1 y_1 width height", *(f"{f} 1 1 9 9" for f in names)],
        "list_landmarks_align_celeba.txt": [
            str(len(names)),
            "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y",
            *(f"{f} 70 112 109 112 89 137 72 153 107 153" for f in names),
        ],
        "list_attr_celeba.txt": ["n", "Smiling", *(f"{f} 1" for f in names)],
    }
    for name, rows in lines.items():
        (base / name).write_text("\n".join(rows) + "\n")
    monkeypatch.setattr(celeba.CelebA, "_check_integrity", lambda self: True)
    monkeypatch.setattr(celeba, "QUERY_PEOPLE", 2)
    return root


def test_celeba_through_torchvision(tmp_path, monkeypatch):
    make_celeba(tmp_path, monkeypatch)
    sets = {s: data.load("celeba", s, tmp_path) for s in data.SPLITS}
    assert sum(map(len, sets.values())) == PEOPLE * 6
    assert sets["train"].people == [f"{i:05d}" for i in range(1, 9)]
    assert sets["query"].people == ["00009", "00010"] and len(sets["distractors"]) == 12
    assert sets["train"][0].faces[0].landmarks[0].tolist() == [26, 37]
    assert (sets["train"][0].image[1] == 200).all()
    assert data.load("celeba", "test", tmp_path, people=3).identities.unique().tolist() == [0, 1, 2]
    assert data.load("celeba", "query", tmp_path, framing="loose")[0].image.shape == (3, 218, 178)


def test_photos_that_cannot_be_read_are_left_out_of_celeba(tmp_path, monkeypatch):
    make_celeba(tmp_path, monkeypatch)
    images = tmp_path / "celeba" / "img_align_celeba"
    expect_one_left_out(lambda split: data.load("celeba", split, tmp_path), images)


def test_celeba_that_is_incomplete_or_missing(tmp_path):
    (tmp_path / "celeba").mkdir()
    with pytest.raises(data.DataUnavailable, match=r"could not be opened.*quota page"):
        data.load("celeba", root=tmp_path)
    (tmp_path / "celeba").rmdir()
    with pytest.raises(data.DataUnavailable, match="no folder celeba"):
        data.load("celeba", root=tmp_path)


@pytest.mark.fault("empty folder")
@pytest.mark.parametrize("left", ["nothing", "lists", "no images"])
def test_what_a_failure_left_in_the_cache_does_not_hide_a_copy_of_celeba(nowhere, monkeypatch, left):
    make_celeba(nowhere / "data", monkeypatch)
    monkeypatch.setattr("gdown.download", lambda **_: pytest.fail("nothing is to be downloaded"))
    partial = nowhere / "cache" / "celeba"
    partial.mkdir(parents=True)
    if left != "nothing":
        for path in (nowhere / "data" / "celeba").glob("*.txt"):
            shutil.copy(path, partial)
    if left == "no images":
        (partial / "img_align_celeba").mkdir()
    assert len(data.load("celeba", "query")) == 12
    with pytest.raises(data.DataUnavailable, match=r"missing: .*img_align_celeba"):
        shutil.rmtree(nowhere / "data" / "celeba" / "img_align_celeba")
        monkeypatch.setattr(celeba.CelebA, "_check_integrity", lambda self: False)
        data.load("celeba", root=nowhere / "data")


@pytest.mark.fault("empty folder")
def test_a_celeba_download_that_failed_goes_on_with_what_is_missing(nowhere, monkeypatch):
    check = celeba.CelebA._check_integrity
    made = make_celeba(nowhere / "made", monkeypatch) / "celeba"
    shutil.make_archive(str(made / "img_align_celeba"), "zip", made, "img_align_celeba")
    files = sorted(path for path in made.iterdir() if path.is_file())
    listed = [(path.name, hashlib.md5(path.read_bytes()).hexdigest(), path.name) for path in files]
    monkeypatch.setattr(celeba.CelebA, "file_list", listed)
    monkeypatch.setattr(celeba.CelebA, "_check_integrity", check)
    tries = []

    def gdown(id, output, **options):
        tries.append(id)
        if len(tries) == 3:
            raise OSError("Too many users")
        shutil.copy(made / id, output)

    monkeypatch.setattr("gdown.download", gdown)
    with pytest.raises(data.DataUnavailable, match=r"Too many users.*try again a day later"):
        data.load("celeba")
    assert len(data.load("celeba", "query")) == 12
    assert tries == [path.name for path in (*files[:3], *files[2:])]
    (nowhere / "cache" / "celeba" / "img_align_celeba.zip").unlink()  # the images are there
    assert len(data.load("celeba", "query")) == 12


def test_sets_can_be_sent_to_worker_processes(tmp_path):
    faces = data.load(make_folder(tmp_path / "faces", {"a": 5, "b": 5}), "train").subset([1, 0])
    assert torch.equal(pickle.loads(pickle.dumps(faces)).images(), faces.images())


@pytest.mark.fault("ignored options")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(name_or_path="synthetic", split="dev"), "split='dev' is none of"),
        (dict(name_or_path="synthetic", framing="wide"), "framing='wide'"),
        (dict(name_or_path="celeba500", people=5), "'celeba500' does not take people"),
        *((dict(name_or_path=name), "the name of the set is empty") for name in ("", " ")),
        *((dict(name_or_path=name, root=""), "root is empty") for name in ("celeba", "lfw", "faces")),
        (dict(name_or_path="synthetic", root="/no/such"), "takes no root, but root='/no/such'"),
        (dict(name_or_path="/tmp", root="/no/such"), "'/tmp' is a whole path already and takes no root"),
        *((dict(name_or_path=n, seed=0), "does not take seed") for n in ("celeba", "celeba500", "lfw", ".")),
        *((dict(name_or_path=n, dials={}), "does not take dials") for n in ("celeba", "celeba500", "lfw", ".")),
        (
            dict(name_or_path="celeba", images_per_person=9),
            "'celeba' does not take images_per_person; 'synthetic' does",
        ),
        *((dict(name_or_path=n, framing="loose"), "does not take framing") for n in ("lfw", "/tmp")),
        (dict(name_or_path="synthetic", people=2), "at least 5 people"),
    ],
)
def test_arguments_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load(**arguments)


def test_division_does_not_depend_on_other_people():
    photos = {f"p{i}": [f"p{i}/{n}" for n in range(7)] for i in range(10)}
    assert folder.divide_photos(photos["p3"], "test") == folder.divide_photos(list(reversed(photos["p3"])), "test")
    parts = [folder.divide_photos(photos["p3"], s) for s in ("train", "validation", "test")]
    assert [len(p) for p in parts] == [5, 1, 1] and sorted(p for part in parts for p in part) == photos["p3"]
    assert [len(folder.divide_photos(["a", "b"], s)) for s in ("train", "validation", "test")] == [1, 0, 1]
