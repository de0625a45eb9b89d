"""Detections, non-maximum suppression, and the step from one box convention to another."""

import pytest
import torch

from dlsfaces.detect import BoxShift, Detections, suppressed


def detections(*rows):
    table = torch.tensor(rows, dtype=torch.float32).view(-1, 5)
    return Detections(table[:, :4], table[:, 4])


def slowly_suppressed(found, iou_threshold):
    """Rows that remain, by the definition: the surest left, then without all that overlap it."""
    left, kept = found.scores.argsort(descending=True, stable=True).tolist(), []
    while left:
        best = left[0]
        kept.append(best)
        x1, y1, x2, y2 = found.boxes[best].tolist()
        survivors = []
        for row in left[1:]:
            a1, b1, a2, b2 = found.boxes[row].tolist()
            inside = max(0.0, min(x2, a2) - max(x1, a1)) * max(0.0, min(y2, b2) - max(y1, b1))
            union = (x2 - x1) * (y2 - y1) + (a2 - a1) * (b2 - b1) - inside
            if inside / union <= iou_threshold:
                survivors.append(row)
        left = survivors
    return kept


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("iou_threshold", [0.2, 0.5])
def test_suppression_is_the_definition(seed, iou_threshold):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(60, 2, generator=generator) * 50
    size = 5 + torch.rand(60, 2, generator=generator) * 30
    found = Detections(torch.cat((corner, corner + size), dim=1), torch.rand(60, generator=generator))
    kept = slowly_suppressed(found, iou_threshold)
    assert 1 < len(kept) < 60
    assert torch.equal(suppressed(found, iou_threshold).boxes, found.boxes[kept])


def test_suppression_has_no_last_pixel():
    """With the last pixel counted, as for whole numbers, these two overlap by a third; they only touch."""
    found = detections([0, 0, 1, 1, 0.9], [1, 0, 2, 1, 0.8])
    assert len(suppressed(found, 0.0)) == 2


def test_suppression_keeps_landmarks_with_their_box():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 11], [50, 0, 60, 10]])
    marks = torch.arange(3).view(3, 1, 1).expand(3, 5, 2).float()
    kept = suppressed(Detections(boxes, torch.tensor([0.2, 0.9, 0.5]), marks))
    assert kept.landmarks[:, 0, 0].tolist() == [1, 2]


def test_nothing_found_is_no_special_case():
    assert len(suppressed(detections())) == 0
    assert len(BoxShift(0.1, 0.2, 2, 2)(detections())) == 0


@pytest.mark.parametrize("iou_threshold", [-0.1, 1.5])
def test_suppression_refuses_what_is_no_overlap(iou_threshold):
    with pytest.raises(ValueError, match="iou_threshold"):
        suppressed(detections(), iou_threshold)


def test_detections_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(N, 4\), \(N,\) and \(N, 5, 2\)"):
        Detections(torch.zeros(2, 4), torch.zeros(3))
    with pytest.raises(ValueError, match=r"\(N, 5, 2\)"):
        Detections(torch.zeros(2, 4), torch.zeros(2), torch.zeros(2, 10))


def test_a_shift_is_found_again():
    """Detections made from true boxes by the inverse of a shift, with others among them that lie on nothing."""
    generator, shift = torch.Generator().manual_seed(0), BoxShift(0.05, -0.1, 0.8, 1.25)
    found, faces = [], []
    for _ in range(12):
        corner, size = torch.rand(2, generator=generator) * 300, 20 + torch.rand(2, generator=generator) * 50
        box = torch.cat((corner, corner + size))[None]
        stray = torch.tensor([[900.0, 900, 950, 950]])
        faces.append(shift(Detections(box, torch.ones(1))).boxes)
        found.append(Detections(torch.cat((stray, box)), torch.tensor([2.0, 1.0])))
    again = BoxShift.fitted(found, faces)
    assert [again.right, again.down, again.width, again.height] == pytest.approx([0.05, -0.1, 0.8, 1.25], abs=1e-4)


def test_a_shift_is_not_fitted_on_a_handful():
    with pytest.raises(ValueError, match="only 1 detections"):
        BoxShift.fitted([detections([0, 0, 10, 10, 1])], [torch.tensor([[0.0, 0, 10, 10]])])


def test_a_shift_of_whole_numbers():
    whole = Detections(torch.tensor([[10, 20, 50, 80]]), torch.ones(1))
    assert BoxShift(0.05, -0.1, 0.8, 1.25)(whole).boxes.tolist() == [[16, 6.5, 48, 81.5]]
