"""Photos of people: who is where, how large and how much hidden is what was asked for, and what the records say."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from dlsfaces import data, geometry
from dlsfaces.data import built_in

FEW = dict(people=6, images_per_person=1)  # whom all of these tests share
SIZE = (160, 220)


def made(count=12, split="train", size=SIZE, more=None, **settings):
    few = {} if "faces" in (more or {}) else FEW
    chosen = data.SceneSettings(**dict(faces_per_photo=(0, 6), face_width=(12, 50), overlap=0.25) | few | settings)
    return data.scenes(split, count, size, chosen, **more or {})


@pytest.fixture(scope="module")
def crowd():
    return made()


@pytest.fixture(scope="module")
def photos(crowd):
    return list(crowd)


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


def test_sizes_are_spread_by_doublings_and_the_nearer_is_larger():
    """Of faces from 8 to 64 pixels as many are under as over 23, where there is room for all."""
    crowd = made(40, size=(300, 400), faces_per_photo=(1, 3), face_width=(8, 64), clutter=0)
    widths = [[float(f.box[2] - f.box[0]) for f in crowd.make.draw(i).faces] for i in range(40)]
    assert all(row == sorted(row, reverse=True) for row in widths)
    every = np.array([width for row in widths for width in row])
    assert len(every) > 60 and 0.35 < np.mean(every < 64 / 8**0.5) < 0.65


@pytest.mark.parametrize("overlap", [0.0, 0.25])
def test_nearer_people_cover_no_more_of_a_face_than_they_may(overlap):
    """By the alphas of all who stand in front, laid over each other here once more."""
    crowd, shares = made(8, faces_per_photo=(6, 6), overlap=overlap), []
    for i in range(8):
        open_ = np.ones(SIZE)
        for one in crowd.make.draw(i).people:
            if one.face is not None:
                x1, y1, x2, y2 = (round(v) for v in one.face.box.tolist())
                shares.append(1 - open_[y1:y2, x1:x2].mean())
            canvas = Image.new("L", SIZE[::-1])
            canvas.paste(one.image.getchannel("A"), (one.left, one.top))
            open_ *= 1 - np.asarray(canvas) / 255
    assert max(shares) <= overlap + 0.04  # the box's border lies within pixels
    assert not overlap or max(shares) > 0.05


def test_landmarks_behind_somebody_are_not_visible():
    crowd, hidden = made(30, faces_per_photo=(6, 6), face_width=(14, 50), overlap=0.6, clutter=0), 0
    for i in range(30):
        people = crowd.make.draw(i).people
        for k, one in enumerate(people):
            for point, seen in zip(one.face.landmarks.tolist(), one.face.visibility.tolist()):
                x, y = int(point[0]), int(point[1])
                nearer = [p for p in people[:k] if 0 <= x - p.left < p.image.width and 0 <= y - p.top < p.image.height]
                covered = any(p.image.getpixel((x - p.left, y - p.top))[3] > 250 for p in nearer)
                assert not (covered and seen)
                hidden += covered
    assert hidden > 10


def test_nobody_ends_in_mid_air(crowd):
    for i in range(12):
        for one in crowd.make.draw(i).people:
            if one.face is not None and one.top + one.image.height < SIZE[0]:
                across = float((one.face.landmarks[1] - one.face.landmarks[0]).norm())
                below = one.top + one.image.height - float(one.face.landmarks[:2, 1].mean())
                assert below > 0.9 * 25 * across  # a standing person's shoes
            assert np.asarray(one.image)[-3:, :, 3].max() > 60


def alike(a, b):
    same = torch.equal(a.image, b.image) and len(a.faces) == len(b.faces) and a.source == b.source
    return same and all(torch.equal(x.landmarks, y.landmarks) for x, y in zip(a.faces, b.faces))


def test_a_scene_is_the_same_alone_in_any_order_and_in_a_longer_set(crowd, photos):
    again = made(500)
    assert alike(crowd[7], photos[7]) and alike(again[7], photos[7]) and alike(crowd[-1], photos[11])
    assert alike(crowd[3:9:2][1], photos[5]) and alike(crowd.subset([4, 2])[1], photos[2])
    assert not torch.equal(made(more={"seed": 1})[0].image, photos[0].image)
    with pytest.raises(IndexError, match="no photo 12 in a set of 12"):
        crowd[12]


def test_another_process_makes_the_same_scene(crowd, photos):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        image, boxes = pool.submit(_elsewhere, crowd, 5).result()
    assert np.array_equal(image, photos[5].image.numpy())
    assert np.array_equal(boxes, np.array([face.box.numpy() for face in photos[5].faces]))


def _elsewhere(crowd, index):
    photo = crowd[index]
    return photo.image.numpy(), np.array([face.box.numpy() for face in photo.faces])


def test_splits_share_no_people_unless_they_are_to_be_known():
    def people(split, **options):
        crowd = made(3, split, faces_per_photo=(2, 2), face_width=(12, 30), people=2, **options)
        return {face.identity for photo in crowd for face in photo.faces}, crowd

    known = {split: people(split)[0] for split in data.SPLITS}
    assert [len(found) for found in known.values()] == [2] * 5 and len(set().union(*known.values())) == 10
    test, of_test = people("test", known=True)
    assert test == known["train"]
    assert not torch.equal(of_test.make.bank.files[:2000], people("train")[1].make.bank.files[:2000])  # other images


@pytest.mark.fault("slow with size")
def test_photos_without_people_and_backgrounds_from_a_folder(tmp_path):
    assert [photo.faces for photo in made(3, faces_per_photo=(0, 0), clutter=1.0)] == [()] * 3
    assert len(made(faces_per_photo=(0, 0), clutter=0).make.bank) == 0  # nobody is rendered
    Image.fromarray(np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (120, 1, 3))).save(tmp_path / "ramp.png")
    more = {"backgrounds": tmp_path}
    slopes = [
        float(p.image[..., -5:].float().mean() - p.image[..., :5].float().mean())
        for p in made(12, size=(60, 90), faces_per_photo=(0, 0), face_width=(8, 20), clutter=0, more=more)
    ]
    assert min(slopes) < -50 and max(slopes) > 50 and len({round(abs(s)) for s in slopes}) > 4  # cut and flipped


def faces_of(landmarks, framing="loose", size=(218, 178)):
    images = torch.randint(0, 255, (len(landmarks), 3, *size), generator=torch.Generator().manual_seed(0)).byte()
    names = [str(i) for i in range(len(landmarks))]
    reader = built_in._Rendered(images)
    return data.FaceSet("mine", "test", framing, names, torch.arange(len(names)), names, reader, size, landmarks)


def test_real_portraits_are_pasted():
    points = torch.tensor([[70.0, 112], [109, 112], [89, 137], [72, 153], [107, 153]]).repeat(4, 1, 1)
    points[1] = float("nan")
    points[2, 1] = points[2, 0] + 2  # no eye distance to speak of
    photos = made(5, "test", faces_per_photo=(2, 2), face_width=(20, 40), more={"faces": faces_of(points)})
    assert {face.identity for photo in photos for face in photo.faces} == {0, 3}
    with pytest.raises(ValueError, match="no landmarks"):
        made(more={"faces": faces_of(points[1:2])})
    with pytest.raises(ValueError, match="framing='loose'"):
        made(more={"faces": faces_of(points[:1] - 44, "tight", (100, 83))})


@pytest.mark.fault("ignored options")
@pytest.mark.parametrize("option", [{"people": 5}, {"images_per_person": 2}, {"known": True}])
def test_options_of_built_in_people_are_not_for_portraits(option):
    points = geometry.LOOSE.template.expand(1, 5, 2)
    with pytest.raises(ValueError, match="are of built-in people, but faces are given"):
        data.scenes("test", 1, settings=data.SceneSettings(**option), faces=faces_of(points))


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(split="dev"), "split='dev'"),
        (dict(count=-1), "count=-1"),
        (dict(size=(10, 640)), "size="),
        (dict(faces_per_photo=(5, 2)), "faces_per_photo="),
        (dict(face_width=(1, 20)), "face_width="),
        (dict(face_width=(50, 20)), "face_width="),
        (dict(face_width=(16, 470)), "no room"),
        (dict(overlap=1.5), "overlap=1.5"),
        (dict(clutter=-0.1), "clutter=-0.1"),
        (dict(people=0), "people=0"),
    ],
)
def test_bad_arguments_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        made(**wrong)


# --- studio portraits

SMALL = dict(people=5, images_per_person=7)


def test_a_studio_shows_one_whole_face_a_photo_and_splits_share_people_but_no_image():
    sets = {split: data.studio(split, 96, **SMALL) for split in ("validation", "test")}
    names = {split: {photo.source.file for photo in photos} for split, photos in sets.items()}
    assert not names["validation"] & names["test"]
    boxes = []
    for photos in sets.values():
        assert [photo.faces[0].identity for photo in photos] == list(range(5))
        for photo in photos:
            (face,) = photo.faces
            assert photo.image.shape == (3, 96, 96) and torch.allclose(face.box, geometry.face_box(face.landmarks))
            assert (face.box >= 0).all() and (face.box <= 96).all()
            boxes.append(face.box)
    widths = torch.stack(boxes)[:, 2] - torch.stack(boxes)[:, 0]
    assert widths.min() > 0.16 * 96 and widths.max() < 0.58 * 96 and widths.std() > 2
    again = data.studio("test", 96, **SMALL)
    assert torch.equal(again[3].image, sets["test"][3].image)
    assert not torch.equal(data.studio("test", 96, seed=1, **SMALL)[3].image, again[3].image)
    for wrong in (dict(split="dev"), dict(side=20), dict(people=2)):
        with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
            data.studio(**(dict(split="train", side=96) | SMALL | wrong))
