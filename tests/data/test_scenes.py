import multiprocessing
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from dlsfaces import data, geometry
from dlsfaces.data.compose import bodies, scenery
from dlsfaces.data.compose.scenes import _Stage
from dlsfaces.rng import Dice

FEW = dict(persons=6, pictures=1)  # whom all of these tests share
SIZE = (160, 220)


@pytest.fixture(scope="module")
def crowd():
    return data.scenes("train", 12, SIZE, people=(0, 6), sizes=(12, 50), overlap=0.25, **FEW)


@pytest.fixture(scope="module")
def photos(crowd):
    return list(crowd)


def alike(a, b):
    same = torch.equal(a.image, b.image) and len(a.faces) == len(b.faces) and a.source == b.source
    return same and all(torch.equal(x.landmarks, y.landmarks) for x, y in zip(a.faces, b.faces))


def test_boxes_counts_and_sizes_are_what_was_asked_for(crowd, photos):
    counts = [len(photo.faces) for photo in photos]
    assert len(crowd) == 12 and max(counts) <= 6 and sum(counts) > 20
    for photo in photos:
        assert photo.image.shape == (3, *SIZE) and photo.image.dtype == torch.uint8
        known = [face.identity for face in photo.faces]
        assert len(known) == len(set(known)) and set(known) <= set(range(6))
        for face in photo.faces:
            assert torch.allclose(face.box, geometry.face_box(face.landmarks))
            assert 11.99 <= float(face.box[2] - face.box[0]) <= 50.01
            assert (face.box[:2] >= 0).all() and (face.box[2:] <= torch.tensor([SIZE[1], SIZE[0]])).all()


def test_sizes_are_spread_by_doublings():
    """Of faces from 8 to 64 pixels as many are under as over 23, where there is room for all."""
    crowd = data.scenes("train", 40, (300, 400), people=(1, 3), sizes=(8, 64), clutter=0, **FEW)
    widths = []
    for i in range(40):
        widths += [float(p.face.box[2] - p.face.box[0]) for p in crowd.make.arrange(i)[1]]
    share = np.mean(np.array(widths) < 64 / 8**0.5)
    assert len(widths) > 60 and 0.35 < share < 0.65


@pytest.mark.parametrize("overlap", [0.0, 0.25])
def test_nearer_people_cover_no_more_of_a_face_than_they_may(overlap):
    """By the alphas of all who stand in front, laid over each other here once more."""
    crowd = data.scenes("train", 8, SIZE, people=(6, 6), sizes=(12, 50), overlap=overlap, **FEW)
    shares = []
    for i in range(8):
        open_ = np.ones(SIZE)
        for one in crowd.make.arrange(i)[1]:
            if one.face is not None:
                x1, y1, x2, y2 = (round(v) for v in one.face.box.tolist())
                shares.append(1 - open_[y1:y2, x1:x2].mean())
            alpha = np.zeros(SIZE)
            pixels = np.asarray(one.image)[..., 3] / 255
            top, left = max(0, one.top), max(0, one.left)
            part = pixels[top - one.top :, left - one.left :][: SIZE[0] - top, : SIZE[1] - left]
            alpha[top : top + part.shape[0], left : left + part.shape[1]] = part
            open_ *= 1 - alpha
    assert max(shares) <= overlap + 0.04  # the box's border lies within pixels
    if overlap:
        assert max(shares) > 0.05


def test_landmarks_behind_somebody_are_not_visible():
    crowd = data.scenes("train", 30, SIZE, people=(6, 6), sizes=(14, 50), overlap=0.6, clutter=0, **FEW)
    hidden = 0
    for i in range(30):
        placed = crowd.make.arrange(i)[1]
        for k, one in enumerate(placed):
            for point, seen in zip(one.face.landmarks.tolist(), one.face.visibility.tolist()):
                x, y = int(point[0]), int(point[1])
                nearer = [p for p in placed[:k] if 0 <= x - p.left < p.image.width and 0 <= y - p.top < p.image.height]
                covered = any(p.image.getpixel((x - p.left, y - p.top))[3] > 250 for p in nearer)
                assert not (covered and seen)
                hidden += covered
    assert hidden > 10


def _no_camera(image, dice, strength=1.0):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def test_landmarks_lie_on_the_eyes(monkeypatch):
    """Pupils painted in a colour of their own are found where the landmarks say."""
    crowd = data.scenes("train", 6, SIZE, people=(1, 1), sizes=(40, 50), clutter=0, **FEW)
    get = type(crowd.make.bank).get

    def marked(bank, index, eyes=0.0):
        cutout = get(bank, index)
        pixels = np.asarray(cutout.image).copy()
        for x, y in cutout.landmarks[:2].tolist():
            pixels[round(y) - 3 : round(y) + 3, round(x) - 3 : round(x) + 3, :3] = (255, 0, 255)
        return type(cutout)(**{**vars(cutout), "image": Image.fromarray(pixels)})

    monkeypatch.setattr(type(crowd.make.bank), "get", marked)
    monkeypatch.setattr(sys.modules["dlsfaces.data.compose.scenes"], "snapshot", _no_camera)
    monkeypatch.setattr(scenery, "lit", lambda picture, light: picture.convert("RGB"))
    monkeypatch.setattr(scenery.Scenery, "backdrop", lambda *a: Image.new("RGB", SIZE[::-1], (90, 120, 90)))
    found = 0
    for photo in crowd:
        for face in photo.faces:
            red, green, blue = photo.image.int()
            rows, columns = ((red > 200) & (blue > 200) & (green < 90)).nonzero().float().unbind(1)
            for x, y in face.landmarks[:2].tolist():
                near = (columns - x).abs() < 5
                assert abs(float(columns[near].mean()) + 0.5 - x) < 1 and abs(float(rows[near].mean()) + 0.5 - y) < 1
                found += 1
    assert found >= 8


def test_a_scene_is_the_same_alone_in_any_order_and_in_a_longer_set(crowd, photos):
    again = data.scenes("train", 500, SIZE, people=(0, 6), sizes=(12, 50), overlap=0.25, **FEW)
    assert alike(crowd[7], photos[7]) and alike(again[7], photos[7]) and alike(crowd[-1], photos[11])
    assert alike(crowd[3:9:2][1], photos[5]) and alike(crowd.subset([4, 2])[1], photos[2])
    other = data.scenes("train", 12, SIZE, people=(0, 6), sizes=(12, 50), seed=1, **FEW)
    assert not torch.equal(other[0].image, photos[0].image)
    with pytest.raises(IndexError, match="photo 12 of a set of 12"):
        crowd[12]


def test_another_process_makes_the_same_scene(crowd, photos):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        image, boxes = pool.apply(_elsewhere, (crowd, 5))
    assert np.array_equal(image, photos[5].image.numpy())
    assert np.array_equal(boxes, np.array([face.box.numpy() for face in photos[5].faces]))


def _elsewhere(crowd, index):
    photo = crowd[index]
    return photo.image.numpy(), np.array([face.box.numpy() for face in photo.faces])


def people_of(split, **options):
    """The people of some scenes, and the set."""
    crowd = data.scenes(split, 3, SIZE, people=(2, 2), sizes=(12, 30), persons=2, pictures=1, **options)
    return {one.face.identity for i in range(3) for one in crowd.make.arrange(i)[1] if one.face}, crowd


def test_splits_share_no_people_unless_they_are_to_be_known():
    known = {split: people_of(split)[0] for split in data.SPLITS}
    assert [len(people) for people in known.values()] == [2] * 5 and len(set().union(*known.values())) == 10
    test, of_test = people_of("test", known=True)
    _, of_train = people_of("train")
    assert test == known["train"]
    assert not torch.equal(of_test.make.bank.files[:2000], of_train.make.bank.files[:2000])  # other pictures of them


def test_nobody_ends_in_mid_air(crowd):
    for i in range(12):
        for one in crowd.make.arrange(i)[1]:
            reaches_the_border = one.top + one.image.height >= SIZE[0]
            if one.face is not None and not reaches_the_border:
                across = one.face.landmarks[1] - one.face.landmarks[0]
                below = one.top + one.image.height - float(one.face.landmarks[:2, 1].mean())
                assert below > 0.9 * bodies.FEET * float(across.norm())
            assert np.asarray(one.image)[-3:, :, 3].max() > 60


def test_the_nearer_is_larger_lower_and_in_front():
    stage = _Stage((480, 640), 100.0, 16.0, Dice(1))
    stage.slope, stage.uneven = 3.0, 0.0
    rows = [np.mean([stage.eyes(eyes, 0, Dice(k)) for k in range(200)]) for eyes in (5, 10, 20, 40)]
    assert rows == sorted(rows) and rows[-1] - rows[0] > 50
    crowd = data.scenes("train", 4, SIZE, people=(6, 6), sizes=(12, 50), **FEW)
    for i in range(4):
        widths = [float(p.face.box[2] - p.face.box[0]) for p in crowd.make.arrange(i)[1] if p.face]
        assert widths == sorted(widths, reverse=True)


def test_photos_without_people():
    empty = data.scenes("train", 3, (100, 120), people=(0, 0), clutter=1.0, **FEW)
    assert [photo.faces for photo in empty] == [()] * 3
    assert "0 to 0 people" in repr(empty)


def folder_of(tmp_path, photos):
    for name, picture in photos.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    return tmp_path


def test_backgrounds_from_a_folder_are_cut_scaled_and_flipped(tmp_path):
    ramp = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (120, 1, 3))
    backgrounds = folder_of(tmp_path, {"ramp.png": ramp})
    empty = data.scenes("train", 12, (60, 90), people=(0, 0), backgrounds=backgrounds, clutter=0, **FEW)
    slopes = []
    for photo in empty:
        columns = photo.image.float().mean((0, 1))
        slopes.append(float(columns[-5:].mean() - columns[:5].mean()))
    assert min(slopes) < -50 and max(slopes) > 50 and len({round(abs(s)) for s in slopes}) > 4


def test_folders_that_are_of_no_use_are_named(tmp_path):
    with pytest.raises(ValueError, match="holds no photo"):
        data.scenes("train", 1, backgrounds=tmp_path, **FEW)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        data.scenes("train", 1, backgrounds=tmp_path / "nowhere", **FEW)
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    with pytest.raises(ValueError, match="cannot be read"):
        data.scenes("train", 1, backgrounds=tmp_path, **FEW)
    with pytest.raises(FileNotFoundError, match=r"landmarks\.csv"):
        data.scenes("train", 1, faces=tmp_path)
    with pytest.raises(FileNotFoundError, match="is no folder"):
        data.scenes("train", 1, faces="nobody")


def test_faces_from_a_folder_with_their_landmarks(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (2, 218, 178, 3), dtype=np.uint8)
    faces = folder_of(tmp_path, {"Ada/1.png": noise[0], "Bob/1.png": noise[1]})
    header = "name,p,x1,y1,x2,y2," + ",".join(f"l{k}" for k in range(10))
    for person in ("Ada", "Bob"):
        row = "1.png,1,0,0,1,1,70,112,109,112,89,137,72,153,107,153"
        (faces / person / "landmarks.csv").write_text(f"{header}\n{row}\n")
    crowd = data.scenes("test", 5, SIZE, people=(2, 2), sizes=(20, 40), faces=faces)
    known = [face.identity for photo in crowd for face in photo.faces]
    assert set(known) == {0, 1}
    for photo in crowd:
        for face in photo.faces:
            assert (
                torch.allclose(face.box, geometry.face_box(face.landmarks)) and 19.9 < face.box[2] - face.box[0] < 40.1
            )


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(split="dev"), "split='dev'"),
        (dict(count=-1), "count=-1"),
        (dict(size=(10, 640)), "size="),
        (dict(people=(5, 2)), "people="),
        (dict(sizes=(1, 20)), "sizes="),
        (dict(sizes=(50, 20)), "sizes="),
        (dict(sizes=(16, 470)), "no room"),
        (dict(sizes=(170, None)), "sizes="),
        (dict(overlap=1.5), "overlap=1.5"),
        (dict(clutter=-0.1), "clutter=-0.1"),
        (dict(persons=0), "persons=0"),
    ],
)
def test_bad_arguments_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        data.scenes(**(dict(split="train", count=1) | FEW | wrong))
