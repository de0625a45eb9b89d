"""Which cell is to find which face, against loops that follow the text; and the loss."""

import math

import pytest
import torch

from dlsfaces.detect import DetectionLoss, OneStageNet, assign, pack_faces
from dlsfaces.detect.assignment import IGNORED, NOTHING
from dlsfaces.detect.one_stage import Candidates, cells_of
from dlsfaces.geometry import iou

FACE, CELLS, FOUND = torch.tensor([[16.0, 16, 48, 48]]), cells_of((64, 64)), torch.zeros(1, dtype=torch.bool)


def slowly_assigned(logits, boxes, cells, faces, ignored):
    """SimOTA by the text, face by face and cell by cell."""
    overlap, claims, found = iou(faces, boxes), {}, [NOTHING] * len(cells)
    for f, (x1, y1, x2, y2) in enumerate(faces.tolist()):
        prices = {}
        for a, (column, row, stride) in enumerate(cells.tolist()):
            x, y = (column + 0.5) * stride, (row + 0.5) * stride
            inside = x1 < x < x2 and y1 < y < y2
            away = max(abs(x - (x1 + x2) / 2), abs(y - (y1 + y2) / 2)) / stride
            if ignored[f] and (inside or away <= 0.5):
                found[a] = IGNORED
            if not ignored[f] and away < 2.5:
                score = 1 / (1 + math.exp(-logits[a].item()))
                prices[a] = -math.log(score) - 3 * math.log(overlap[f, a].item() + 1e-8) + (0 if inside else 1e3)
        best = sorted((overlap[f, a].item() for a in prices), reverse=True)[:10]
        for a in sorted(prices, key=prices.get)[: max(1, int(sum(best)))]:
            claims.setdefault(a, []).append((prices[a], f))
    for a, prices in claims.items():
        found[a] = min(prices)[1]
    return found


@pytest.mark.parametrize("count", range(1, 40, 3))
def test_assignment_is_what_the_loops_say(count):
    """Faces from 3 to 90 pixels, some ignored; each cell's box is near some face, as after some training."""
    torch.manual_seed(count)
    cells, centre = cells_of((96, 128)), torch.rand(count, 2) * torch.tensor([128, 96])
    half = 1.5 * 30 ** torch.rand(count, 1) * (0.8 + 0.4 * torch.rand(count, 2))
    faces, ignored = torch.cat((centre - half, centre + half), dim=1), torch.rand(count) < 0.3
    boxes = faces[torch.randint(count, (len(cells),))] + torch.randn(len(cells), 4) * 3
    boxes = torch.cat((boxes[:, :2], torch.maximum(boxes[:, :2], boxes[:, 2:]) + 1), dim=1)
    case = torch.randn(len(cells)), boxes, cells, faces, ignored
    found = assign(*case)
    assert found.tolist() == slowly_assigned(*case)
    if count > 10:
        assert (found == NOTHING).any() and (found == IGNORED).any() and (found >= 0).sum() > 3


def test_cells_by_hand():
    """A face that all see takes ten cells; one that none sees the surest in it; one smaller than a cell its own."""
    logits, far = torch.zeros(len(CELLS)), (FACE + 500.0).repeat(len(CELLS), 1)
    assert (assign(logits, FACE.expand_as(far), CELLS, FACE, FOUND) == 0).sum() == 10
    logits[3 * 8 + 4] = 1.0
    assert (assign(logits, far, CELLS, FACE, FOUND) == 0).nonzero().tolist() == [[3 * 8 + 4]]
    far[3 * 8 + 2] = tiny = torch.tensor([17.0, 25, 19, 27])  # between the centres of the cells
    assert (assign(logits, far, CELLS, tiny[None], FOUND) == 0).nonzero().tolist() == [[3 * 8 + 2]]
    for none in (FACE[:0], FACE + 900):  # beyond the photo
        assert (assign(logits, far, CELLS, none, FOUND[: len(none)]) == NOTHING).all()


def test_cells_in_an_ignored_face_teach_nothing_unless_another_face_takes_them():
    faces = torch.tensor([[14.0, 14, 46, 46], [18, 18, 42, 42], [57, 1, 59, 3]])
    boxes = faces[1].expand(len(CELLS), 4)
    found = assign(torch.zeros(len(CELLS)), boxes, CELLS, faces, torch.tensor([True, False, True]))
    middle = (CELLS[:, :2] + 0.5) * CELLS[:, 2:]
    inside = ((middle > 14) & (middle < 46)).all(1)
    assert (found == 1).sum() == 10 and ((found[inside] == IGNORED) | (found[inside] == 1)).all()
    # Of the tiny one those cells of the three grids in which its centre lies, and no other.
    assert CELLS[(found == IGNORED) & ~inside].tolist() == [[7, 0, 8], [3, 0, 16], [1, 0, 32]]


def answer(logit, face, points):
    """Each cell says this."""
    shape = 1, len(CELLS)
    return Candidates(torch.full(shape, logit), face.expand(*shape, 4), points.expand(*shape, 5, 2), CELLS)


def test_the_loss_by_hand():
    """One face of 32 pixels, seen 6 pixels too far right: IoU and GIoU 13/19, which makes six of ten cells."""
    points = torch.full((5, 2), 32.0)
    out = answer(0.0, (FACE + torch.tensor([6.0, 0, 6, 0])).requires_grad_(), points + 16)
    parts = DetectionLoss().parts(out, pack_faces([FACE], [points[None]]))
    value, half, others = 13 / 19, math.log(2), len(CELLS) - 6
    score = (6 * (value - 0.5) ** 2 * half + others * 0.5**2 * half) / 6
    expected = {"score": score, "box": 2 * (1 - value), "landmarks": 2 * (0.5 - 0.025)}
    assert {name: part.item() for name, part in parts.items()} == pytest.approx(expected, abs=1e-5)
    assert [part.requires_grad for part in parts.values()] == [False, True, False]  # no box moves for a score's sake


def test_ignored_faces_and_unknown_landmarks_cost_nothing():
    middle = (CELLS[:, :2] + 0.5) * CELLS[:, 2:]
    inside = ((middle > 16) & (middle < 48)).all(1) | (CELLS[:, 2] == 32)  # its centre is the corner of all four
    out = answer(0.0, FACE, torch.full((5, 2), 99.0))._replace(logits=torch.where(inside, 9.0, -9.0)[None])
    parts = DetectionLoss().parts(out, pack_faces([FACE]))
    assert parts["landmarks"] == 0 and parts["box"] < 1e-5
    assert DetectionLoss()(out, pack_faces([FACE], ignored=[~FOUND])) < 1e-3
    assert DetectionLoss()(out, pack_faces([FACE[:0]])) > 30


@pytest.mark.parametrize("boxes", [[[]], [[], [[5.0, 5, 30, 40]]], [[[5.0, 5, 30, 40]], [[0, 0, 2, 2]]]])
def test_the_loss_is_finite_and_its_gradient_reaches_every_weight(boxes):
    boxes = [torch.tensor(of_photo).view(-1, 4) for of_photo in boxes]
    model, points = OneStageNet(16), [box[:, None, :2].expand(-1, 5, 2) + 1 for box in boxes]
    value = DetectionLoss()(model(torch.rand(len(boxes), 3, 64, 64)), pack_faces(boxes, points))
    value.backward()
    assert value.isfinite() and value > 0
    learns = model.read.weight.grad.flatten(1).norm(dim=1) > 0
    assert learns.tolist() == [True] + [any(map(len, boxes))] * 14  # without faces the score alone
    assert all(p.grad.isfinite().all() and p.grad.norm() > 0 for p in model.parameters())


def test_targets_of_another_shape_are_refused():
    for wrong in (torch.zeros(2, 1, 15), torch.zeros(1, 15), torch.zeros(1, 1, 14)):
        with pytest.raises(ValueError, match="pack_faces"):
            DetectionLoss()(answer(0.0, FACE, torch.zeros(5, 2)), wrong)


@pytest.mark.parametrize(
    ("boxes", "landmarks", "ignored"),
    [
        ([torch.tensor([10.0, 10, 40, 50])], None, None),  # one face, not a list of faces
        ([FACE.repeat(2, 1)], [torch.zeros(1, 5, 2)], None),
        ([FACE.repeat(2, 1)], None, [torch.tensor([True])]),
        ([FACE], [torch.zeros(1, 2, 5)], None),
        ([torch.tensor([[20.0, 20, 20, 20]])], None, None),  # without area: its gradient would be NaN
        ([torch.tensor([[20.0, 20, 10, 30]])], None, None),
    ],
)
def test_wrong_faces_are_refused_by_their_photo(boxes, landmarks, ignored):
    with pytest.raises(ValueError, match="photo 0"):
        pack_faces(boxes, landmarks, ignored)


def test_an_ignored_face_may_have_no_area():
    packed = pack_faces([torch.tensor([[20.0, 20, 20, 20]])], None, [torch.tensor([True])])
    model = OneStageNet(8)
    DetectionLoss()(model(torch.rand(1, 3, 64, 64)), packed).backward()
    assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())
