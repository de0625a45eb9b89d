import math

import pytest
import torch

import drawpeople
from dlsfaces import geometry, rng
from dlsfaces.align import Wobble, face_square, mirrored_order
from dlsfaces.align.squares import CONTEXT, MIRRORED, framing_box, square_matrices
from tests.align.dots import dots, dotted

#: Where the faces' boxes are in a loose picture, in shares of it.
BOX = tuple((framing_box(geometry.LOOSE) / torch.tensor([178.0, 218, 178, 218])).tolist())
STILL = dict(rotation=0, zoom=0, shift=0, flip=0)


def keys(n, seed=1):
    return rng.key(seed, torch.arange(n))


def loose(n):
    points = geometry.LOOSE.template.expand(n, 5, 2)
    return dotted(points, (218, 178), sigma=3), points


def test_a_square_has_the_boxs_middle_and_is_larger():
    boxes = torch.tensor([[10.0, 20, 40, 50], [0, 0, 20, 45]])
    assert torch.allclose(face_square(boxes[:1]), torch.tensor([[4.0, 14, 46, 56]]))
    half = CONTEXT * 30 / 2  # of a box of 20 by 45, whose area is that of 30 by 30
    assert torch.allclose(face_square(boxes)[1], torch.tensor([10 - half, 22.5 - half, 10 + half, 22.5 + half]))


def test_square_matrices_carry_the_square_to_the_whole_image():
    boxes = torch.tensor([[10.0, 20, 40, 50], [-5, 3, 20, 45]])
    corners = face_square(boxes).view(2, 2, 2)
    moved = geometry.move_points(square_matrices(boxes, 64), corners)
    assert torch.allclose(moved, torch.tensor([[0.0, 0], [64, 64]]).expand(2, 2, 2), atol=1e-4)


@pytest.mark.parametrize("bad", [(10, 20, 10, 60), (10, 20, 9, 60), (math.nan, 0, 1, 1), (0, 0, math.inf, 1)])
def test_a_box_that_is_none_is_named(bad):
    with pytest.raises(ValueError, match=r"boxes: \[1\] have no area or are not finite"):
        face_square(torch.tensor([[0.0, 0, 1, 1], bad]))


@pytest.mark.parametrize("n_points", [5, 68])
def test_a_mirror_twice_is_none(n_points):
    order = mirrored_order(n_points)
    assert torch.equal(order[order], torch.arange(n_points)) and order.dtype == torch.int64
    with pytest.raises(ValueError, match=r"21 landmarks: .* known of 5 and of 68"):
        mirrored_order(21)


@pytest.mark.parametrize("kind", ["landmarks", "dense"])
def test_a_mirrored_face_is_the_one_that_turns_the_other_way(kind):
    """The average person is symmetric: the renderer's own landmarks at the mirrored pose are the reference."""
    n, yaw, roll = 4, torch.tensor([0.0, 20, -35, 10]), torch.tensor([0.0, 10, 5, -25])
    people, plain = drawpeople.average_people(n), drawpeople.neutral_shots(n)
    one, other = (
        getattr(drawpeople.render(people, plain | {"yaw": s * yaw, "roll": s * roll}, geometry.LOOSE), kind)
        for s in (1, -1)
    )
    images = torch.zeros(n, 3, 218, 178)
    _, straight = Wobble(BOX, 64, **STILL)(images, one, keys(n))
    _, flipped = Wobble(BOX, 64, **(STILL | {"flip": 1}))(images, one, keys(n))
    # The loose picture's middle is not quite the square's: mirror the reference about the square's.
    wobble = Wobble(BOX, 64, **STILL)
    _, expected = wobble(images, other, keys(n))
    shift = (expected - flipped).mean((0, 1))
    assert shift[1].abs() < 2e-3 and (expected - flipped - shift).norm(dim=-1).max() < 0.01
    assert (straight - flipped)[1:].norm(dim=-1).max() > 0.05
    if kind == "dense":
        left_brow, right_brow, jaw = (flipped[:, part, 0].mean(1) for part in (range(17, 22), range(22, 27), [0]))
        assert (left_brow < right_brow).all() and (jaw < left_brow).all()


def test_points_move_with_the_picture():
    images, points = loose(40)
    for given in (images, (255 * images).round().to(torch.uint8)):
        squares, moved = Wobble(BOX, 64)(given, points, keys(40))
        assert squares.shape == (40, 3, 64, 64) and squares.dtype == torch.float32 and 0 <= squares.min()
        found = dots(squares)
        flipped = (found[:, 0, 0] > found[:, 1, 0]).tolist()  # the left eye's dot lies on the right
        assert 10 < sum(flipped) < 30
        for face, mirror in enumerate(flipped):
            where = found[face, list(MIRRORED)] if mirror else found[face]
            assert (where - 64 * moved[face]).abs().max() < 0.2
        assert (moved[:, 0, 0] < moved[:, 1, 0]).all() and (moved[:, 3, 0] < moved[:, 4, 0]).all()


def test_without_strength_it_is_the_square_around_the_box():
    images, points = loose(2)
    squares, moved = Wobble(BOX, 96, **STILL)(images, points, keys(2))
    matrices = square_matrices(framing_box(geometry.LOOSE)[None], 96).expand(2, 2, 3)
    assert torch.allclose(96 * moved, geometry.move_points(matrices, points), atol=1e-3)
    assert torch.allclose(squares, geometry.warp(images, matrices, (96, 96), "edge"), atol=1e-4)
    mirrored, _ = Wobble(BOX, 96, **(STILL | {"flip": 1}))(images, points, keys(2))
    assert torch.equal(mirrored, squares.flip(3))


def test_strengths_are_kept_and_used():
    n, side = 500, 64
    points = geometry.LOOSE.template.expand(n, 5, 2)
    wobble = Wobble(BOX, side, rotation=30, zoom=0.25, shift=0.08, flip=0)
    upright = wobble.matrices(torch.full((1, 4), 0.5), (218, 178))
    moves = geometry.compose(wobble.matrices(rng.uniform(keys(n), 5), (218, 178)), geometry.inverse(upright))
    degrees = torch.rad2deg(torch.atan2(moves[:, 1, 0], moves[:, 0, 0]))
    assert 28 < degrees.max() < 30.01 and -30.01 < degrees.min() < -28
    zoom = torch.linalg.det(moves[..., :2]).sqrt()
    assert 1.23 < zoom.max() < 1.2501 and 0.7999 < zoom.min() < 0.82
    middle = torch.tensor([[side / 2, side / 2]])
    shift = (geometry.move_points(moves, middle) - middle)[:, 0].abs() / side
    assert 0.075 < shift.max() < 0.0801
    _, moved = wobble(torch.zeros(20, 3, 218, 178), points[:20], keys(20))
    expected = geometry.move_points(geometry.compose(moves, upright)[:20], points[:20])
    assert torch.allclose(side * moved, expected, atol=1e-2)


def test_a_sample_gets_the_same_in_any_batch():
    """Also where some of a batch are shrunk more than others."""
    images = torch.rand(12, 3, 109, 89, generator=torch.Generator().manual_seed(0))
    points, wobble = geometry.LOOSE.template.expand(12, 5, 2) / 2, Wobble(BOX, 64)
    squares, moved = wobble(images, points, keys(12))
    for i in (0, 5, 11):
        alone, own = wobble(images[i : i + 1], points[i : i + 1], keys(12)[i : i + 1])
        assert torch.allclose(alone[0], squares[i], atol=1e-5) and torch.allclose(own[0], moved[i], atol=1e-6)
    other, _ = wobble(images, points, keys(12, seed=2))
    assert (other - squares).abs().mean((1, 2, 3)).min() > 0.01


def test_pictures_of_half_the_size_give_the_same_squares():
    images, points = loose(6)
    half = torch.nn.functional.avg_pool2d(images, 2)
    wobble = Wobble(BOX, 64)
    (large, a), (small, b) = wobble(images, points, keys(6)), wobble(half, points / 2, keys(6))
    assert torch.allclose(a, b, atol=1e-5) and (large - small).abs().mean() < 0.002
    assert (dots(small) - dots(large)).abs().max() < 0.1


def test_unknown_points_stay_unknown_and_leave_with_their_side():
    images, points = torch.zeros(2, 3, 218, 178), geometry.LOOSE.template.repeat(2, 1, 1)
    points[:, 0] = torch.nan
    points[1, 3, 1] = torch.nan
    for flip, unknown in ((0, [[0], [0, 3]]), (1, [[1], [1, 4]])):
        _, moved = Wobble(BOX, 64, flip=flip)(images, points, keys(2))
        assert [m.isnan().any(1).nonzero()[:, 0].tolist() for m in moved] == unknown
