import logging

import numpy as np
import pytest
import torch

import drawpeople
from dlsfaces import data
from dlsfaces.data.compose import bodies, cutouts, portraits
from dlsfaces.data.records import FaceSet
from dlsfaces.rng import Dice

PERSON, NUMBER = torch.tensor([0, 1, 2, 7, 8]), torch.tensor([0, 0, 3, 1, 0])
AWAY = torch.tensor([False, False, False, False, True])


@pytest.fixture(scope="module")
def bank():
    return cutouts.rendered(PERSON, NUMBER, AWAY)


def rgba(image):
    return np.asarray(image).astype(int)


def test_a_cutout_is_the_generators_picture_without_its_background(bank):
    frame = cutouts.framing()
    people, pictures = drawpeople.people(PERSON[:4]), cutouts._crowd(drawpeople.shots(PERSON[:4], NUMBER[:4]))
    made = drawpeople.render(people, pictures, frame)
    for k in range(4):
        cutout = bank.get(k)
        pixels, solid = rgba(cutout.image), made.coverage[k].numpy() == 255
        assert np.array_equal(pixels[..., 3], made.coverage[k].numpy())
        assert np.abs(pixels[..., :3] - made.images[k].permute(1, 2, 0).numpy())[solid].mean() < 3  # JPEG's loss
        assert torch.equal(cutout.landmarks, made.landmarks[k]) and torch.equal(cutout.visibility, made.visibility[k])
        assert torch.allclose(cutout.box, made.boxes[k]) and cutout.identity == int(PERSON[k])


def test_no_background_shows_at_the_edge(monkeypatch):
    """Before a green wall and before a red one, a person is cut out alike."""

    def before(hue):
        wall = {"back_kind": 0, "back_hue": hue, "back_colour": 1.0, "back_light": 0.5, "ambient": 0.5}
        monkeypatch.setattr(cutouts, "_PAPER", wall)
        return rgba(cutouts.rendered(PERSON[:1], NUMBER[:1]).get(0).image)

    red, green = before(0.0), before(0.33)
    edge = (red[..., 3] > 30) & (red[..., 3] < 225)
    inside = red[..., 3] == 255
    assert edge.sum() > 100
    difference = np.abs(red - green)[..., :3].max(2)
    assert difference[edge].mean() < difference[inside].mean() + 6  # the wall's light on the skin differs, too


def test_smaller_copies_show_the_same_at_the_same_place(bank):
    whole = bank.get(1)
    for eyes, halved in ((40, 1), (20, 2), (19, 2), (10, 4), (1, 8)):
        small = bank.get(1, eyes)
        assert small.image.size == (whole.image.width // halved, whole.image.height // halved)
        assert torch.allclose(small.landmarks * halved, whole.landmarks) and small.eyes == 40 / halved
        again = rgba(whole.image.reduce(halved))
        solid = again[..., 3] == 255
        assert np.abs(rgba(small.image) - again)[solid].mean() < 4


def test_scaling_and_cropping_move_the_landmarks_exactly(bank):
    cutout = bank.get(2)
    pixels = np.asarray(cutout.image).copy()
    spot = [int(v) for v in cutout.landmarks[2]]
    pixels[spot[1] - 3 : spot[1] + 4, spot[0] - 3 : spot[0] + 4, :3] = (0, 255, 0)
    at = torch.tensor([spot[0] + 0.5, spot[1] + 0.5])
    marked = cutouts.replace(cutout, image=cutouts.Image.fromarray(pixels), landmarks=at.expand(5, 2).clone())
    for factor in (0.317, 0.5, 0.9, 1.37):
        moved = marked.cropped().scaled(factor)
        green = rgba(moved.image)
        rows, columns = np.nonzero((green[..., 1] > 140) & (green[..., 0] < 90) & (green[..., 2] < 90))
        found = torch.tensor([columns.mean() + 0.5, rows.mean() + 0.5])
        assert (found - moved.landmarks[0]).abs().max() < 0.5


def test_who_is_seen_from_behind_has_no_face_and_no_name(bank):
    assert bank.faces_us.tolist() == [True, True, True, True, False]
    assert bank.get(4).identity == data.UNKNOWN and not bank.get(4).faces_us
    assert not bank.get(4).visibility.any()


def test_a_broken_cache_is_rebuilt_and_said(tmp_path, caplog, bank):
    first = cutouts.rendered(PERSON[:2], NUMBER[:2], cache=tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    assert len(whole) < 2 * 60_000  # raw: 2 x 428,000
    path.write_bytes(whole[:-40] + bytes(40))
    with caplog.at_level(logging.WARNING):
        again = cutouts.rendered(PERSON[:2], NUMBER[:2], cache=tmp_path)
    assert "is broken" in caplog.text and path.read_bytes() == whole
    assert torch.equal(first.files, again.files) and torch.equal(first.files, bank.files[: len(first.files)])
    cutouts.rendered(PERSON[:2], NUMBER[:2], style="studio", cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_clothes_go_down_to_the_shoes_or_to_the_photos_end(bank):
    for k in range(5):
        cutout = bank.get(k).cropped().scaled(0.4)
        line = float(cutout.landmarks[:2, 1].mean())
        whole = bodies.clothed(cutout, 10_000, Dice(k))
        assert abs(whole.height - (line + (bodies.FEET + 0.3) * cutout.eyes)) < 1
        alpha = rgba(whole)[..., 3]
        covered = alpha.max(1)
        assert (covered[cutout.image.height // 2 : -2] > 200).all()  # nobody is in two halves
        bust = rgba(cutout.image)[:-1, :, 3]
        assert np.array_equal(alpha[: len(bust)], bust)
        for rows in (cutout.image.height - 5, cutout.image.height + 7):
            part = bodies.clothed(cutout, rows, Dice(k))
            assert part.height == rows and rgba(part)[-1, :, 3].max() > 200


def faces_of(landmarks, framing="loose", size=(218, 178)):
    images = torch.randint(0, 255, (len(landmarks), 3, *size), generator=torch.Generator().manual_seed(0)).byte()
    names = [str(i) for i in range(len(landmarks))]
    reader = data.invented._Rendered(images)
    return FaceSet("mine", "test", framing, names, torch.arange(len(names)), names, reader, size, landmarks)


def test_portraits_keep_the_face_as_it_is():
    points = torch.tensor([[70.0, 112], [109, 112], [89, 137], [72, 153], [107, 153]]).repeat(3, 1, 1)
    points[1] = float("nan")
    points[2, 1] = points[2, 0] + 2  # no eye distance to speak of
    faces = faces_of(points)
    bank = portraits.Portraits(faces)
    assert len(bank) == 1 and bank.identities.tolist() == [0]
    cutout = bank.get(0)
    offset = (cutout.landmarks - points[0])[0]
    assert torch.equal(cutout.landmarks - points[0], offset.expand(5, 2)) and torch.equal(offset, offset.round())
    left, top = offset.int().tolist()
    pixels = rgba(cutout.image)
    for x, y in points[0].int().tolist():
        assert pixels[y + top, x + left].tolist() == [*faces[0].image[:, y, x].tolist(), 255]
    assert pixels[0, 0, 3] == 0 and (pixels[-1, :, 3] > 200).any()


def test_portraits_without_landmarks_or_in_the_tight_framing_are_refused():
    with pytest.raises(ValueError, match="no landmarks"):
        portraits.Portraits(faces_of(torch.full((2, 5, 2), float("nan"))))
    points = torch.tensor([[26.0, 37], [65, 37], [45, 62], [28, 78], [63, 78]])[None]
    with pytest.raises(ValueError, match="framing='loose'"):
        portraits.Portraits(faces_of(points, "tight", (100, 83)))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="style='party'"):
        cutouts.rendered(PERSON, NUMBER, style="party")
    with pytest.raises(ValueError, match="no people"):
        cutouts.rendered(PERSON[:0], NUMBER[:0])
