"""Cut-outs, places, things and photos of people, as the package gives them to anybody."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import drawpeople
from drawpeople import backdrops, bodies, clutter, cutouts, occluders, shapes
from drawpeople.portraits import cut_portrait
from drawpeople.rng import Dice
from drawpeople.scenes import draw_nobody

PERSON, NUMBER = torch.tensor([0, 1, 2, 7, 8]), torch.tensor([0, 0, 3, 1, 0])
PACKAGE = Path(drawpeople.__file__).parent


@pytest.fixture(scope="module")
def bank():
    return drawpeople.cut_out(PERSON, NUMBER, away=torch.tensor([False] * 4 + [True]))


def rgba(image):
    return np.asarray(image).astype(int)


def test_a_cutout_is_the_portrait_without_its_background(bank):
    dials = cutouts._crowd(drawpeople.shots(PERSON[:4], NUMBER[:4]))
    made = drawpeople.render(drawpeople.people(PERSON[:4]), dials, cutouts.bust())
    for k in range(4):
        cutout = bank.get(k)
        pixels, solid = rgba(cutout.image), made.coverage[k].numpy() == 255
        assert np.array_equal(pixels[..., 3], made.coverage[k].numpy())
        assert np.abs(pixels[..., :3] - made.images[k].permute(1, 2, 0).numpy())[solid].mean() < 3  # JPEG's loss
        assert torch.equal(cutout.landmarks, made.landmarks[k]) and torch.equal(cutout.visibility, made.visibility[k])
        assert torch.allclose(cutout.box, made.boxes[k]) and cutout.identity == int(PERSON[k])
    assert bank.get(4).identity == -1 and not bank.get(4).faces_us and not bank.get(4).visibility.any()


def test_no_background_shows_at_the_edge(monkeypatch):
    """Before a green wall and before a red one, a person is cut out alike."""

    def before(hue):
        wall = {"back_hue": hue, "back_colour": 1.0, "ambient": 0.5}
        monkeypatch.setattr(cutouts, "_CUT_OUT", cutouts._CUT_OUT | wall)
        return rgba(drawpeople.cut_out(PERSON[:1], NUMBER[:1]).get(0).image)

    red, green = before(0.0), before(0.33)
    edge, inside = (red[..., 3] > 30) & (red[..., 3] < 225), red[..., 3] == 255
    difference = np.abs(red - green)[..., :3].max(2)
    assert edge.sum() > 100
    assert difference[edge].mean() < difference[inside].mean() + 6  # the wall's light on the skin differs, too


class Marked:
    """A bank of people with purple pupils."""

    def __init__(self, bank):
        self.bank, self.identities, self.faces_us = bank, bank.identities, bank.faces_us

    def get(self, index, eyes=0.0):
        cutout = self.bank.get(index)
        pixels = np.asarray(cutout.image).copy()
        for x, y in cutout.landmarks[:2].tolist():
            pixels[round(y) - 6 : round(y) + 6, round(x) - 6 : round(x) + 6, :3] = (255, 0, 255)
        return replace(cutout, image=Image.fromarray(pixels))


def test_landmarks_lie_on_the_eyes(bank):
    place, found = Image.new("RGB", (300, 300), (90, 120, 90)), 0
    marked = Marked(bank)
    made = [drawpeople.draw_portrait(marked.get(k), 300, Dice(k)) for k in range(4)]
    options = dict(faces=(1, 1), face_width=(40, 50), clutter=0, place=place)
    for scene in (*made, *(drawpeople.draw_scene(marked, (160, 220), Dice(k), **options) for k in range(6))):
        for face in scene.faces:
            red, green, blue = scene.image.int()
            rows, columns = ((red - green > 45) & (blue - green > 45)).nonzero().float().unbind(1)
            for x, y in face.landmarks[:2].tolist():
                near = ((columns - x).abs() < 8) & ((rows - y).abs() < 8)
                assert abs(float(columns[near].mean()) + 0.5 - x) < 1 and abs(float(rows[near].mean()) + 0.5 - y) < 1
                found += 1
    assert found >= 16


def test_clothes_go_down_to_the_shoes_or_to_the_photos_end(bank):
    for k in range(5):
        cutout = bank.get(k).cropped().scaled(0.4)
        line = float(cutout.landmarks[:2, 1].mean())
        whole = bodies.clothed(cutout, 10_000, Dice(k))
        assert abs(whole.height - (line + (bodies.FEET + 0.3) * cutout.eyes)) < 1
        alpha = rgba(whole)[..., 3]
        assert (alpha.max(1)[cutout.image.height // 2 : -2] > 200).all()  # nobody is in two halves
        for rows in (cutout.image.height - 5, cutout.image.height + 7):
            part = bodies.clothed(cutout, rows, Dice(k))
            assert part.height == rows and rgba(part)[-1, :, 3].max() > 200


def test_a_portrait_that_is_cut_out_keeps_the_face_as_it_is():
    image = torch.randint(0, 255, (3, 218, 178), generator=torch.Generator().manual_seed(0)).byte()
    points = drawpeople.LOOSE.template
    cutout = cut_portrait(image, points, 3)
    offset = (cutout.landmarks - points)[0]
    assert torch.equal(cutout.landmarks - points, offset.expand(5, 2)) and torch.equal(offset, offset.round())
    left, top = offset.int().tolist()
    pixels = rgba(cutout.image)
    for x, y in points.int().tolist():
        assert pixels[y + top, x + left].tolist() == [*image[:, y, x].tolist(), 255]
    assert pixels[0, 0, 3] == 0 and (pixels[-1, :, 3] > 200).any() and cutout.identity == 3


@pytest.mark.parametrize("make", occluders.OCCLUDERS)
@pytest.mark.parametrize("share", [0.4, 0.7])
def test_a_thing_covers_the_share_that_it_shall(make, share):
    for k in range(5):
        thing = make(Dice(8, k), torch.tensor([0.8, 0.6, 0.5]))
        far = shapes.reach(thing, share, 1.2)
        x, y = shapes.places(200, 240, (-0.5, -0.6, 0.5, 0.6))
        assert (thing.distance(x, y, far) < 0).float().mean() == pytest.approx(share, abs=0.02)
        colours = thing.paint(x, y, far)[:, thing.distance(x, y, far) < 0]
        assert colours.isfinite().all() and colours.std(1).max() > 0.01


@pytest.mark.parametrize("name", clutter.NAMES)
def test_things_are_drawn_at_any_size_and_as_their_dice_fall(name):
    for side in (1, 7, 64):
        image = clutter.thing(name, side, Dice(5))
        assert image.mode == "RGBA" and image.width == side
    assert 0.3 < (np.asarray(image)[..., 3] > 127).mean() <= 1
    again, other = clutter.thing(name, 64, Dice(5)), clutter.thing(name, 64, Dice(6))
    assert image.tobytes() == again.tobytes() != other.tobytes()


def test_a_scrambled_image_has_all_patches_and_none_in_its_place():
    patches = np.arange(9).reshape(3, 3).repeat(10, 0).repeat(10, 1).astype(np.uint8)
    for seed in range(20):
        result = np.asarray(clutter.scrambled(Image.fromarray(20 * patches), Dice(seed))) // 20
        assert sorted(result[5::10, 5::10].ravel().tolist()) == list(range(9))
        assert (result != patches).all()


@pytest.mark.parametrize("size", [(1, 1), (37, 61), (200, 90)])
def test_places_of_any_size_follow_their_dice(size):
    for seed in range(12):
        place, _ = backdrops.backdrop(size, 0.6 * size[0], Dice(seed))
        assert place.size == size[::-1] and place.mode == "RGB"
        assert place.tobytes() == backdrops.backdrop(size, 0.6 * size[0], Dice(seed))[0].tobytes()
    assert draw_nobody((90, 70), Dice(1)).shape == (3, 90, 70)


def test_the_readmes_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for code in re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(encoding="utf-8"), re.S):
        exec(code, {})
    assert {path.name for path in tmp_path.iterdir()} == {"people.jpg", "crowd.jpg"}


def test_it_needs_nothing_of_the_course():
    for path in PACKAGE.glob("*.py"):
        assert "dlsfaces" not in path.read_text(encoding="utf-8"), path


def test_impossible_arguments_are_refused():
    for call, message in (
        (lambda: drawpeople.cut_out(PERSON, NUMBER, style="party"), "style='party'"),
        (lambda: drawpeople.cut_out(PERSON[:0], NUMBER[:0]), "no people"),
        (lambda: drawpeople.Defect("ugly", torch.zeros(5, 2), (9, 9), (1,)), "kind='ugly'"),
        (lambda: clutter.thing("teapot", 10, Dice(0)), "'teapot' is none of"),
        (lambda: clutter.scrambled(Image.new("RGB", (2, 2)), Dice(0)), "cannot be cut"),
        (lambda: backdrops.backdrop((0, 5), 0, Dice(0)), re.escape("size=(0, 5)")),
    ):
        with pytest.raises(ValueError, match=message):
            call()
