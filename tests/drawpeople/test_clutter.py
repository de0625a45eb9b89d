import numpy as np
import pytest
from PIL import Image

from dlsfaces.rng import Dice
from drawpeople import backdrops, clutter


@pytest.mark.parametrize("name", clutter.NAMES)
def test_things_are_drawn_at_any_size_and_as_their_dice_fall(name):
    for side in (1, 7, 64):
        picture = clutter.thing(name, side, Dice(5))
        assert picture.mode == "RGBA" and picture.width == side
    assert 0.3 < (np.asarray(picture)[..., 3] > 127).mean() <= 1
    again, other = clutter.thing(name, 64, Dice(5)), clutter.thing(name, 64, Dice(6))
    assert picture.tobytes() == again.tobytes() != other.tobytes()


def test_two_dots_over_a_bar_are_darker_than_their_plate():
    picture = np.asarray(clutter.thing("dots", 100, Dice(1)).convert("RGB")).mean(2)
    middle = picture[:, 50]
    assert middle.min() < 0.6 * np.median(middle)


def test_a_scrambled_picture_has_all_patches_and_none_in_its_place():
    patches = np.arange(9).reshape(3, 3).repeat(10, 0).repeat(10, 1).astype(np.uint8)
    for seed in range(20):
        result = np.asarray(clutter.scrambled(Image.fromarray(20 * patches), Dice(seed))) // 20
        assert sorted(result[5::10, 5::10].ravel().tolist()) == list(range(9))
        assert (result != patches).all()


def test_bad_things_are_refused():
    with pytest.raises(ValueError, match="'teapot' is none of"):
        clutter.thing("teapot", 10, Dice(0))
    with pytest.raises(ValueError, match="side=0"):
        clutter.thing("ball", 0, Dice(0))
    with pytest.raises(ValueError, match="cannot be cut"):
        clutter.scrambled(Image.new("RGB", (2, 2)), Dice(0))


@pytest.mark.parametrize("size", [(1, 1), (37, 61), (240, 320), (200, 90)])
def test_places_of_any_size(size):
    for seed in range(12):
        place = backdrops.backdrop(size, 0.6 * size[0], Dice(seed))
        assert place.size == size[::-1] and place.mode == "RGB"
        if min(size) > 100:
            assert np.asarray(place).std() > 5
        assert backdrops.plain(size, Dice(seed)).size == size[::-1]


def test_places_follow_their_dice_and_the_ground_its_row():
    one, same, other = (backdrops.backdrop((120, 160), 80, Dice(2, k)) for k in (0, 0, 1))
    assert one.tobytes() == same.tobytes() != other.tobytes()
    floors = []
    for row in (50, 90):
        image = Image.new("RGB", (160, 120))
        backdrops._room(image, row, Dice(9))
        levels = np.asarray(image).astype(int).mean((1, 2))
        floors.append(np.abs(np.diff(levels)).argmax() + 1)
    assert abs(floors[0] - 50) <= 3 and abs(floors[1] - 90) <= 3


def test_an_impossible_size_is_refused():
    with pytest.raises(ValueError, match="size=\\(0, 5\\)"):
        backdrops.backdrop((0, 5), 0, Dice(0))
