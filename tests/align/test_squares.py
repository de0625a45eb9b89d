import math

import pytest
import torch

import drawpeople
from dlsfaces import geometry, rng
from dlsfaces.align import LandmarkAugmentation, LandmarkRecipe
from dlsfaces.align.squares import CONTEXT, MIRRORED, mirrored_order, square_matrices
from drawpeople.people import average_people
from tests.align.dots import dots, dotted

BOX = LandmarkRecipe().landmark_augmentation("loose").box
STILL = dict(rotation=0, zoom=0, shift=0, flip=0)


def keys(n, seed=1):
    return rng.key(seed, torch.arange(n))


def loose(n):
    points = geometry.LOOSE.template.expand(n, 5, 2)
    return dotted(points, (218, 178), sigma=3), points


def test_a_square_has_the_boxs_middle_and_is_larger():
    boxes = torch.tensor([[10.0, 20, 40, 50], [-5, 3, 15, 48]])  # the second has the area of 30 by 30
    half = CONTEXT * 30 / 2
    middle = torch.tensor([[25.0, 35.0], [5.0, 25.5]])
    corners = torch.stack((middle - half, middle + half), dim=1)
    moved = geometry.move_points(square_matrices(boxes, 64), corners)
    assert torch.allclose(moved, torch.tensor([[0.0, 0], [64, 64]]).expand(2, 2, 2), atol=1e-4)
    for bad in ((10, 20, 10, 60), (10, 20, 9, 60), (math.nan, 0, 1, 1)):
        with pytest.raises(ValueError, match=r"boxes: \[1\] have no area or are not finite"):
            square_matrices(torch.tensor([[0.0, 0, 1, 1], bad]), 64)


@pytest.mark.parametrize("kind", ["landmarks", "dense"])
def test_a_mirrored_face_is_the_one_that_turns_the_other_way(kind):
    """The average person is symmetric: the renderer's own landmarks at the mirrored pose are the reference."""
    n, yaw, roll = 4, torch.tensor([0.0, 20, -35, 10]), torch.tensor([0.0, 10, 5, -25])
    people, plain = average_people(n), drawpeople.neutral_shots(n)
    one, other = (
        getattr(drawpeople.render(people, plain | {"yaw": s * yaw, "roll": s * roll}, geometry.LOOSE), kind)
        for s in (1, -1)
    )
    images = torch.zeros(n, 3, 218, 178)
    _, straight = LandmarkAugmentation(BOX, 64, **STILL)(images, one, keys(n))
    _, flipped = LandmarkAugmentation(BOX, 64, **(STILL | {"flip": 1}))(images, one, keys(n))
    _, expected = LandmarkAugmentation(BOX, 64, **STILL)(images, other, keys(n))
    shift = (expected - flipped).mean((0, 1))  # the loose image's middle is not quite the square's
    assert shift[1].abs() < 2e-3 and (expected - flipped - shift).norm(dim=-1).max() < 0.01
    assert (straight - flipped)[1:].norm(dim=-1).max() > 0.05
    order = mirrored_order(one.shape[1])
    assert torch.equal(order[order], torch.arange(one.shape[1]))


def test_points_move_with_the_image():
    images, points = loose(40)
    squares, moved = LandmarkAugmentation(BOX, 64)((255 * images).round().to(torch.uint8), points, keys(40))
    found = dots(squares)
    flipped = found[:, 0, 0] > found[:, 1, 0]  # the left eye's dot lies on the right
    where = torch.where(flipped[:, None, None], found[:, list(MIRRORED)], found)
    assert 10 < flipped.sum() < 30 and (where - 64 * moved).abs().max() < 0.2


def test_strengths_are_kept_and_used():
    n, side = 500, 64
    augmentation = LandmarkAugmentation(BOX, side, rotation=30, zoom=0.25, shift=0.08)
    upright = augmentation.matrices(torch.full((1, 4), 0.5), (218, 178))
    box = geometry.face_box(geometry.LOOSE.template)[None]
    assert torch.allclose(upright, square_matrices(box, side), atol=1e-3)
    moves = geometry.compose(augmentation.matrices(rng.uniform(keys(n), 5), (218, 178)), geometry.inverse(upright))
    degrees = torch.rad2deg(torch.atan2(moves[:, 1, 0], moves[:, 0, 0]))
    zoom = torch.linalg.det(moves[..., :2]).sqrt()
    middle = torch.tensor([[side / 2, side / 2]])
    shift = (geometry.move_points(moves, middle) - middle)[:, 0].abs() / side
    assert 28 < degrees.max() < 30.01 and -30.01 < degrees.min() < -28
    assert 1.23 < zoom.max() < 1.2501 and 0.7999 < zoom.min() < 0.82 and 0.075 < shift.max() < 0.0801


def test_a_sample_gets_the_same_in_any_batch_and_at_half_the_size():
    images, points = loose(6)
    augmentation = LandmarkAugmentation(BOX, 64)
    squares, moved = augmentation(images, points, keys(6))
    for i in (0, 5):
        alone, own = augmentation(images[i : i + 1], points[i : i + 1], keys(6)[i : i + 1])
        assert torch.allclose(alone[0], squares[i], atol=1e-5) and torch.allclose(own[0], moved[i], atol=1e-6)
    small, same = augmentation(torch.nn.functional.avg_pool2d(images, 2), points / 2, keys(6))
    assert torch.allclose(moved, same, atol=1e-5) and (dots(small) - dots(squares)).abs().max() < 0.1
    _, other = augmentation(images, points, keys(6, seed=2))
    assert (other - moved).abs().amax((1, 2)).min() > 0.005


def test_unknown_points_stay_unknown_and_leave_with_their_side():
    images, points = torch.zeros(2, 3, 218, 178), geometry.LOOSE.template.repeat(2, 1, 1)
    points[:, 0] = torch.nan
    points[1, 3, 1] = torch.nan
    for flip, unknown in ((0, [[0], [0, 3]]), (1, [[1], [1, 4]])):
        _, moved = LandmarkAugmentation(BOX, 64, flip=flip)(images, points, keys(2))
        assert [m.isnan().any(1).nonzero()[:, 0].tolist() for m in moved] == unknown
