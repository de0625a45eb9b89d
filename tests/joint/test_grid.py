"""The grid of the joint network: encoding and decoding, placing of faces, anchors."""

import itertools
import math

import pytest
import torch
from torchvision.ops import box_iou

from dlsfaces import joint
from dlsfaces.joint import AnchorGrid

ANCHORS = (((0.5, 0.6), (0.3, 0.3), (0.1, 0.2)), ((0.2, 0.2), (0.1, 0.1), (0.05, 0.06)))
ONE = AnchorGrid(((5, 5),), ANCHORS[:1])
TWO = AnchorGrid(((5, 5), (11, 11)), ANCHORS)
SIZE = torch.tensor([320.0, 240.0])  # width, height


def random_boxes(count, seed=0):
    """Boxes ``(count, 4)``, some of them with a side or the centre outside the image of SIZE."""
    generator = torch.Generator().manual_seed(seed)
    centre = (torch.rand(count, 2, generator=generator) * 1.1 - 0.05) * SIZE
    half = (torch.rand(count, 2, generator=generator) * 0.3 + 0.01) * SIZE
    return torch.cat((centre - half, centre + half), dim=1)


def test_slots_are_counted_grid_by_grid_row_by_row_anchor_by_anchor():
    rows = []
    for (height, width), anchors in zip(TWO.cells, TWO.anchors):
        for row, column, anchor in itertools.product(range(height), range(width), anchors):
            rows.append([column, row, width, height, *anchor])
    torch.testing.assert_close(TWO.slots, torch.tensor(rows))


@pytest.mark.parametrize("grid", [ONE, TWO])
def test_decode_undoes_encode_for_any_box_in_any_slot(grid):
    boxes = random_boxes(len(grid.slots)).double()
    slots = torch.arange(len(grid.slots))
    numbers = grid.encode(boxes, slots, SIZE.double())
    torch.testing.assert_close(grid.decode(numbers, SIZE.double()), boxes, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(grid.encode(grid.decode(numbers, SIZE), slots, SIZE), numbers, rtol=1e-4, atol=1e-4)


def test_numbers_of_a_box_by_hand():
    # centre (100, 60) in an image of 320 x 240: column 1.5625, row 1.25; the anchor is 96 x 72 pixels
    numbers = ONE.encode(torch.tensor([[76.0, 42, 124, 78]]), torch.tensor([(1 * 5 + 1) * 3 + 1]), SIZE)
    torch.testing.assert_close(numbers, torch.tensor([[0.5625, 0.25, math.log(0.5), math.log(0.5)]]))


def placed_slowly(grid, boxes, size):
    """The rule of ``AnchorGrid.place`` in loops: slots of faces ``(F,)``, and the free ones ``(K,)``."""
    wishes = []
    for box in boxes:
        centre, extent = (box[:2] + box[2:]) / 2 / size, (box[2:] - box[:2]) / size
        wish, first = [], 0
        for (rows, columns), anchors in zip(grid.cells, grid.anchors):
            column = min(max(int((centre[0] * columns).floor()), 0), columns - 1)
            row = min(max(int((centre[1] * rows).floor()), 0), rows - 1)
            for k, anchor in enumerate(anchors):
                a, b = torch.tensor([[0.0, 0, *anchor]]), torch.tensor([[0.0, 0, *extent.tolist()]])
                wish.append((box_iou(a, b).item(), first + (row * columns + column) * len(anchors) + k))
            first += rows * columns * len(anchors)
        wishes.append(sorted(wish, key=lambda pair: -pair[0]))
    slots, taken = [-1] * len(boxes), set()
    for turn in range(len(wishes[0]) if wishes else 0):
        asking = [(-wishes[f][turn][0], f) for f in range(len(boxes)) if slots[f] < 0]
        for _, f in sorted(asking):
            if (slot := wishes[f][turn][1]) not in taken:
                slots[f] = slot
                taken.add(slot)
    alike = {slot for wish in wishes for overlap, slot in wish if overlap > 0.5} - taken
    free = torch.zeros(len(grid.slots), dtype=torch.bool)
    free[list(alike)] = True
    return torch.tensor(slots), free


@pytest.mark.parametrize("grid", [ONE, TWO])
@pytest.mark.parametrize("seed", range(5))
def test_faces_are_placed_as_the_rule_in_loops_does(grid, seed):
    boxes = torch.full((4, 30, 4), torch.nan)
    for k, count in enumerate((30, 7, 1, 0)):
        boxes[k, :count] = random_boxes(count, seed=10 * seed + k)
    boxes[0, 1] = boxes[0, 0]  # two that are alike
    found, free = grid.place(boxes, SIZE)
    for k, count in enumerate((30, 7, 1, 0)):
        slots, ignored = placed_slowly(grid, boxes[k, :count], SIZE)
        assert found[k, :count].tolist() == slots.tolist()
        assert (found[k, count:] == -1).all()
        assert torch.equal(free[k], ignored)


def test_three_faces_in_one_cell_get_three_slots_and_a_fourth_none():
    boxes = torch.tensor([[150.0, 110, 170, 130]] * 4)[None] + torch.arange(4).view(1, 4, 1) * 0.1
    found, free = ONE.place(boxes, SIZE)
    cell = (2 * 5 + 2) * 3
    assert sorted(found[0].tolist()) == [-1, cell, cell + 1, cell + 2]
    assert not free.any()


def test_no_faces_at_all():
    found, free = ONE.place(torch.zeros(2, 0, 4), SIZE)
    assert found.shape == (2, 0) and not free.any()


def test_size_iou_is_that_of_boxes_in_one_corner():
    a, b = torch.rand(6, 2) + 0.01, torch.rand(4, 2) + 0.01
    corner = [torch.cat((torch.zeros_like(x), x), dim=1) for x in (a, b)]
    torch.testing.assert_close(joint.size_iou(a, b), box_iou(*corner))


@pytest.mark.parametrize(
    ("cells", "anchors", "message"),
    [
        (((5, 5),), (((100.0, 120.0),),), "shares of the image"),
        (((5, 5), (9, 9)), (((0.1, 0.1),),), "one each"),
        (((5, 5), (9, 9)), (((0.1, 0.1),), ((0.1, 0.1), (0.2, 0.2))), "equally long"),
        (((0, 5),), (((0.1, 0.1),),), "at least 1"),
        ((5, 5), (((0.1, 0.1),),) * 2, "a pair a grid"),
        (((5, 5),), ((0.1, 0.1),), "pairs for each grid"),
    ],
)
def test_a_wrong_grid_is_refused(cells, anchors, message):
    with pytest.raises(ValueError, match=message):
        AnchorGrid(cells, anchors)


def test_numbers_and_boxes_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=f"{len(TWO.slots)} slots"):
        TWO.decode(torch.zeros(2, len(ONE.slots), 4), SIZE)
    with pytest.raises(ValueError, match=r"boxes\[None\]"):
        ONE.place(torch.zeros(3, 4), SIZE)
