"""Homework 5: overlap of boxes, non-maximum suppression, sliding windows, and average precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dlsfaces.grading import Answer, Mistake, Row, called, compare, numbers, runs

Beyond = Callable[[int, int], bool]  #: whether two boxes overlap too much


def boxes_and_scores(seed: int, count: int = 14, groups: int = 4) -> tuple[Tensor, Tensor]:
    """Boxes ``(count, 4)`` in groups that overlap, in no order, and scores; the lowest has a box that stands alone."""
    random = torch.Generator().manual_seed(seed)
    corner = 50 * torch.rand(groups, 2, generator=random)[torch.randint(groups, (count,), generator=random)]
    corner += 14 * torch.rand(count, 2, generator=random)
    boxes = torch.cat((corner, corner + 20 + 15 * torch.rand(count, 2, generator=random)), dim=1)
    scores = 0.2 + 0.8 * torch.rand(count, generator=random)
    boxes[count // 2], scores[count // 2] = torch.tensor([200.0, 10, 230, 35]), 0.1
    return boxes, scores


def found_faces(seed: int, count: int = 14, share: float = 0.6) -> tuple[Tensor, Tensor]:
    """Scores ``(count,)`` in no order, and which are right: of the better ones more, but the best is not."""
    random = torch.Generator().manual_seed(seed)
    scores = torch.rand(count, generator=random)
    is_right = torch.rand(count, generator=random) < share * (0.5 + scores)
    is_right[scores.argmax()] = False
    return scores, is_right


def _sides(a: Tensor, b: Tensor, more: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Width and height of the intersections ``(N, M, 2)``, and the areas ``(N, 1)`` and ``(1, M)``."""
    a, b = a.double()[:, None], b.double()[None]
    sides = torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2]) + more
    return sides, *((box[..., 2:] - box[..., :2] + more).prod(-1) for box in (a, b))


def _iou(a: Tensor, b: Tensor, more: float = 0.0) -> Tensor:
    sides, first, second = _sides(a, b, more)
    both = sides.clamp(min=0).prod(-1)
    return (both / (first + second - both)).nan_to_num()


def iou(answer: Answer, a: Tensor, b: Tensor) -> None:
    """``answer(a, b)``: boxes ``(N, 4)`` and ``(M, 4)``, as ``(x1, y1, x2, y2)``, to their IoUs ``(N, M)``.

    It is 0 where boxes are apart, only touch, or have no area; never NaN.
    """
    got, right = numbers("IoU", called(answer, a, b), (None, None)), _iou(a, b)
    if got.shape == right.T.shape != right.shape:
        raise Mistake("transposed", "IoU: a row belongs to a box of a, a column to a box of b; here it is reversed")
    got = numbers("IoU", got, right.shape)
    sides, first, second = _sides(a, b)
    both = sides.clamp(min=0).prod(-1)
    hull = (torch.maximum(a[:, None, 2:], b[:, 2:]) - torch.minimum(a[:, None, :2], b[:, :2])).double().prod(-1)
    as_size = [torch.cat((box[:, :2], box[:, :2] + box[:, 2:]), dim=1) for box in (a, b)]
    mistakes = [
        ("plus_one", _iou(a, b, more=1), "one is added to the sides. Corners are real numbers here, not whole pixels"),
        ("xywh", _iou(*as_size), "the last two numbers are taken as width and height; they are a corner"),
        ("union", both / (first + second), "the common part counts twice in the union"),
        ("smaller_area", both / torch.minimum(first, second), "this divides by the smaller area, not the union"),
        ("one_area", both / first, "this divides by the area of the first box, not by the union"),
        ("one_area", both / second, "this divides by the area of the second box, not by the union"),
        ("hull", both / hull, "this divides by the box around both; the union is smaller"),
        ("distance", 1 - right, "this is 1 - IoU"),
        ("intersection", both, "this is the area of the intersection. What should it be divided by?"),
    ]
    rows: list[Row] = [(kind, value.nan_to_num(), text) for kind, value, text in mistakes]
    if ((right == 0) & (got.abs() > 1e-6)).any():
        rows.append(("no_clamp", got, "boxes that are apart overlap here. Can the common width or height be negative?"))
    compare("IoU", got, right, rows)


def _greedy(order: Sequence[int], beyond: Beyond) -> list[int]:
    kept: list[int] = []
    for i in order:
        if not any(beyond(i, j) for j in kept):
            kept.append(i)
    return kept


def _indices(value: object, count: int) -> list[int]:
    """What a student's suppression returns, as whole numbers."""
    try:
        rows = list(value)
    except TypeError:
        raise Mistake("type", f"return the indices of the kept boxes, not {type(value).__name__}") from None
    if rows and (isinstance(rows[0], list | tuple) or len(getattr(rows[0], "shape", ()))):
        raise Mistake("boxes", "return the indices of the kept boxes, not the boxes themselves")
    if rows and (isinstance(rows[0], bool) or "bool" in str(getattr(rows[0], "dtype", ""))):
        raise Mistake("mask", "return the indices of the kept boxes, not true or false for each")
    found = [int(one) for one in numbers("indices", rows, (None,)).tolist()]
    if any(not 0 <= one < count for one in found):
        raise Mistake("index", f"the indices {found} do not all belong to one of {count} boxes")
    if len(set(found)) < len(found):
        raise Mistake("repeated", f"in {found} a box comes more than once. Is it an index into a shortened list?")
    return found


def nms(answer: Answer, boxes: Tensor, scores: Tensor, threshold: float) -> None:
    """``answer(boxes, scores, threshold)``: ``(N, 4)`` and ``(N,)`` to the indices of the kept boxes, the best first.

    A box goes where its IoU with a better kept one is above the threshold; at equality it may go or stay.
    """
    got, overlap = _indices(called(answer, boxes, scores, threshold), len(scores)), _iou(boxes, boxes)
    place = {i: k for k, i in enumerate(got)}  # boxes with one score may come in any order
    order = sorted(range(len(scores)), key=lambda i: (-float(scores[i]), place.get(i, len(scores))))

    def beyond(i: int, j: int, less: float = 0) -> bool:
        return bool(overlap[i, j] > threshold - less)

    right = _greedy(order, lambda i, j: beyond(i, j, -1e-6))
    if got in (right, _greedy(order, lambda i, j: beyond(i, j, 1e-6))):
        return
    positive = [i for i in right if scores[i] > 0]
    alone = [i for k, i in enumerate(order) if not any(beyond(i, j) for j in order[:k])]
    mistakes = [
        ("negative_scores", positive, "boxes with a score of 0 or less are lost"),
        ("local_index", [order.index(i) for i in right], "these are places in the sorted list, not in the given one"),
        ("unsorted", _greedy(range(len(order)), beyond), "boxes come in the given order; the best scores come first"),
        ("ascending", _greedy(order[::-1], beyond), "the boxes with the lowest scores are kept; sort the other way"),
        ("nothing_suppressed", order, "all boxes are kept. Does the loop run, and does it throw away anything?"),
        ("inverted", _greedy(order, lambda i, j: not beyond(i, j)), "boxes that overlap are kept, and the others go"),
        ("suppressed_suppress", alone, "a box that is gone must not throw away others"),
        ("one_box", right[:1], "only one box is kept. Is there a return inside the loop?"),
    ]
    for kind, value, text in mistakes:
        if got == value:
            raise Mistake(kind, f"{got} are kept: {text}")
    if sorted(got) == sorted(right):
        raise Mistake("order", "the right boxes are kept, but the best does not come first")
    if set(got) < set(right):
        raise Mistake("last_lost", f"the boxes {sorted(set(right) - set(got))} are lost. Does the loop end too early?")
    if clash := next(((i, j) for i in got for j in got if i < j and beyond(i, j)), None):
        raise Mistake("overlap_left", f"the boxes {clash} are both kept, and overlap too much")
    raise Mistake("value", f"{got} are kept, and {right} is right")


def sliding_windows(answer: Answer, height: int, width: int, side: int, stride: int) -> None:
    """``answer(height, width, side, stride)``: all square windows inside an image, ``(K, 4)`` as ``(x1, y1, x2, y2)``.

    A window covers ``x1 .. x1 + side``. They come row by row. Where none fits: ``(0, 4)``, or an empty list.
    """

    def grid(high: int = height, wide: int = width, step: int = stride, less: int = 0) -> Tensor:
        starts = [torch.arange(0, max(room - side + 1 - less, 0), step) for room in (high, wide)]
        y, x = torch.meshgrid(*starts, indexing="ij")
        return torch.stack((x, y, x + side, y + side), dim=-1).double()

    right, value = grid(), called(answer, height, width, side, stride)
    if not right.numel() and hasattr(value, "__len__") and len(value) == 0:
        return
    got = numbers("windows", value, (None, 4))
    swapped = right[..., [1, 0, 3, 2]]
    size = torch.cat((right[..., :2], 0 * right[..., :2] + side), -1)
    mistakes = [
        ("swapped_xy", swapped, "x and y are swapped; x goes to the right, y down"),
        ("height_width", grid(width, height), "height and width are swapped; x goes along the width"),
        ("columns", right.transpose(0, 1), "the windows come column by column; they should come row by row"),
        ("last_lost", grid(less=1), "windows that end exactly at the border are missing"),
        ("last_lost", right[:-1, :-1], "the last row and the last column are missing"),
        ("xywh", size, "these are x, y, width and height"),
        ("pixel_inside", right - torch.tensor([0, 0, 1, 1]), "a window is one pixel too small; x2 is x1 + side"),
        ("stride", grid(step=1), "the stride is not used"),
        ("stride", grid(step=side), "windows move on by their side, not by the stride"),
    ]
    rows: list[Row] = [(kind, one.reshape(-1, 4), text) for kind, one, text in mistakes]
    right = right.reshape(-1, 4)
    if (got[:, 2] > width).any() or (got[:, 3] > height).any() or (got < 0).any():
        rows.append(("beyond_border", got, "some do not lie wholly inside the image"))
    elif {*map(tuple, right.tolist())} < {*map(tuple, got.tolist())}:
        rows.append(("extra_at_border", got, "there are more than the stride leads to. Were some added at the border?"))
    compare("windows", got, right, rows)


def average_precision(answer: Answer, scores: Tensor, is_right: Tensor, n_truth: int) -> None:
    """``answer(scores, is_right, n_truth)``: the area under the precision-recall curve, one number.

    Precision at a recall is the highest at this or any higher recall. Without a detection the area is 0.
    """
    got = numbers("average precision", called(answer, scores, is_right, n_truth), ())
    found, n, best = int(is_right.sum()), len(scores), scores.argsort(descending=True)

    def area(shape: Callable[[Tensor], Tensor] = _envelope, order: Tensor = best, truth: int = n_truth) -> Tensor:
        hits = is_right[order].double()
        return (shape(hits.cumsum(0) / torch.arange(1, n + 1)) * hits).sum() / max(truth, 1)

    hits = is_right[best].double().cumsum(0)
    levels = [(n_truth * torch.linspace(0, 1, count).double() - 1e-9)[:, None] for count in (11, 101)]
    at = [((hits >= level) * hits / torch.arange(1, n + 1)).amax(1).mean() for level in levels if n]
    faces = "recall is a share of all faces, not of those found"
    mistakes: list[Row] = [
        ("not_monotone", area(lambda p: p), "each precision should be the highest at this or any higher recall"),
        ("wrong_way", area(lambda p: p.cummax(0).values), "the highest precision is looked for at lower recalls"),
        ("precision", found / max(n, 1), "this is the precision of all detections: one point of the curve"),
        ("recall", found / max(n_truth, 1), "this is the recall of all detections: one point of the curve"),
        ("percent", 100 * area(), "this is in percent; 1 is the most"),
        ("trapezoid", area(lambda p: _ramps(_envelope(p))), "the curve goes in steps, not in ramps"),
        ("trapezoid", area(_ramps), "the curve goes in steps, not in ramps"),
        *(("few_recalls", one, "this looks at 11 or 101 recalls only; take every step") for one in at),
    ]
    for shape in (_envelope, lambda p: p):
        mistakes += [
            ("unsorted", area(shape, torch.arange(n)), "detections come in the given order; sort them by their scores"),
            ("ascending", area(shape, best.flip(0)), "the detections with the lowest scores come first here"),
            ("recall_of_detections", area(shape, truth=found), faces),
            ("recall_of_detections", area(shape, truth=n), faces),
        ]
    compare("average precision", got, area(), mistakes)


def _envelope(precision: Tensor) -> Tensor:
    return precision.flip(0).cummax(0).values.flip(0)


def _ramps(precision: Tensor) -> Tensor:
    return (precision + torch.cat((torch.ones(1), precision))[:-1]) / 2


CORNERS = torch.tensor([[0.0, 0, 1, 1], [1, 0, 2, 1], [1, 1, 2, 2], [3, 3, 3, 3]])
NONE = torch.zeros(0)
PUBLIC = {
    "iou": runs(
        (iou, boxes_and_scores(0, 6)[0], boxes_and_scores(1, 4)[0]),
        (iou, CORNERS, torch.cat((CORNERS, torch.tensor([[0.0, 0, 2, 2]])))),
    ),
    "nms": runs(
        *((nms, *boxes_and_scores(seed), threshold) for seed, threshold in ((2, 0.3), (6, 0.5))),
        (nms, boxes_and_scores(2)[0], 5 * boxes_and_scores(2)[1] - 2, 0.3),
        (nms, NONE.view(0, 4), NONE, 0.5),
    ),
    "sliding_windows": runs(
        *((sliding_windows, *given) for given in ((12, 21, 5, 3), (9, 13, 3, 2), (3, 9, 5, 1))),
    ),
    "average_precision": runs(
        *((average_precision, *found_faces(seed), 13) for seed in (0, 1)),
        (average_precision, NONE, NONE.bool(), 3),
    ),
}
