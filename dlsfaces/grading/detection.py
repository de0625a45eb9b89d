"""Homework 5: overlap of boxes, non-maximum suppression, sliding windows, and average precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dlsfaces.grading import Answer, Mistake, alike, compare, numbers


def boxes_and_scores(seed: int, count: int = 14, groups: int = 4) -> tuple[Tensor, Tensor]:
    """Boxes ``(count, 4)`` in groups that overlap, in no order, and scores; the lowest has a box that stands alone."""
    random = torch.Generator().manual_seed(seed)
    corner = 50 * torch.rand(groups, 2, generator=random)[torch.randint(groups, (count,), generator=random)]
    corner += 14 * torch.rand(count, 2, generator=random)
    boxes = torch.cat((corner, corner + 20 + 15 * torch.rand(count, 2, generator=random)), dim=1)
    scores = 0.2 + 0.8 * torch.rand(count, generator=random)
    boxes[count // 2], scores[count // 2] = torch.tensor([200.0, 10, 230, 35]), 0.1
    return boxes, scores


def _overlap(a: Tensor, b: Tensor, more: float = 0.0, clamp: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """Intersections ``(N, M)``, and the areas ``(N, 1)`` and ``(1, M)``."""
    a, b = a.double()[:, None], b.double()[None]
    sides = torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2]) + more
    areas = ((box[..., 2:] - box[..., :2] + more).prod(-1) for box in (a, b))
    return (sides.clamp(min=0) if clamp else sides).prod(-1), *areas


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole == 0, 0.0, part / whole)


def _iou(a: Tensor, b: Tensor, more: float = 0.0, clamp: bool = True) -> Tensor:
    both, first, second = _overlap(a, b, more, clamp)
    return _ratio(both, first + second - both)


def iou(answer: Answer, a: Tensor, b: Tensor) -> None:
    """``answer(a, b)``: boxes ``(N, 4)`` and ``(M, 4)``, as ``(x1, y1, x2, y2)``, to their IoUs ``(N, M)``.

    It is 0 where boxes are apart, only touch, or have no area; never NaN.
    """
    got, right = numbers("IoU", answer(a.clone(), b.clone()), (None, None)), _iou(a, b)
    if got.shape == right.T.shape != right.shape:
        raise Mistake("transposed", "IoU: a row belongs to a box of a, a column to a box of b; here it is reversed")
    got = numbers("IoU", got, right.shape)
    both, first, second = _overlap(a, b)
    signed = _overlap(a, b, clamp=False)[0]
    signs = signed, signed.clamp(min=0), signed.abs()
    far = torch.maximum(a[:, None, 2:], b[None, :, 2:]) - torch.minimum(a[:, None, :2], b[None, :, :2])
    as_size = [torch.cat((box[:, :2], box[:, :2] + box[:, 2:]), dim=1) for box in (a, b)]
    negative = "boxes that are apart overlap here. What happens where the common width and height are negative?"
    mistakes = [
        ("no_clamp", _iou(a, b, clamp=False), negative),
        *[("no_clamp", _ratio(s, first + second - s), negative) for s in signs],
        *[("no_clamp", _ratio(s, (first + second - s).clamp(min=0)), negative) for s in signs],
        ("plus_one", _iou(a, b, more=1), "one is added to the sides. Corners are real numbers here, not whole pixels"),
        ("xywh", _iou(*as_size), "the last two numbers are taken as width and height; they are a corner"),
        ("union", _ratio(both, first + second), "the common part counts twice in the union"),
        ("smaller_area", _ratio(both, torch.minimum(first, second)), "this divides by the smaller area, not the union"),
        ("one_area", _ratio(both, first + 0 * both), "this divides by the area of the first box, not by the union"),
        ("one_area", _ratio(both, second + 0 * both), "this divides by the area of the second box, not by the union"),
        ("hull", _ratio(both, far.double().prod(-1)), "this divides by the box around both; the union is smaller"),
        ("distance", 1 - right, "this is 1 - IoU"),
        ("intersection", both, "this is the area of the intersection. What should it be divided by?"),
    ]
    compare("IoU", got, right, mistakes)


def _greedy(order: Sequence[int], beyond: Callable[[int, int], bool]) -> list[int]:
    kept: list[int] = []
    for i in order:
        if not any(beyond(i, j) for j in kept):
            kept.append(i)
    return kept


def _removed_while_iterating(order: Sequence[int], beyond: Callable[[int, int], bool]) -> list[int]:
    left = list(order)
    for i in left:
        for j in left:
            if i != j and beyond(i, j):
                left.remove(j)
    return left


def _inverted(order: Sequence[int], beyond: Callable[[int, int], bool]) -> list[int]:
    kept = []
    while order:
        kept.append(order[0])
        order = [j for j in order[1:] if beyond(order[0], j)]
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
        text = f"in {found} a box comes more than once. Is an index into a shortened list used in the whole one?"
        raise Mistake("repeated", text)
    return found


def nms(answer: Answer, boxes: Tensor, scores: Tensor, threshold: float) -> None:
    """``answer(boxes, scores, threshold)``: ``(N, 4)`` and ``(N,)`` to the indices of the kept boxes, the best first.

    A box goes where its IoU with a better kept one is above the threshold; at equality it may go or stay. Scores
    may be any numbers. Of no boxes none are kept. The arguments stay as they are.
    """
    given = boxes.clone(), scores.clone()
    got, overlap = _indices(answer(*given, threshold), len(scores)), _iou(boxes, boxes)
    place = {i: k for k, i in enumerate(got)}  # boxes with one score may come in any order
    order = sorted(range(len(scores)), key=lambda i: (-float(scores[i]), place.get(i, len(scores))))
    right = _greedy(order, lambda i, j: float(overlap[i, j]) > threshold + 1e-6)
    tie = _greedy(order, lambda i, j: float(overlap[i, j]) > threshold - 1e-6)
    if got not in (right, tie):
        _name_suppression(got, right, order, lambda i, j: float(overlap[i, j]) > threshold, scores)
    if not (torch.equal(given[0], boxes) and torch.equal(given[1], scores)):
        raise Mistake("in_place", "the boxes or scores that were given have other values afterwards")


def _name_suppression(
    got: list[int], right: list[int], order: list[int], beyond: Callable[[int, int], bool], scores: Tensor
) -> None:
    earlier = [i for k, i in enumerate(order) if not any(beyond(i, j) for j in order[:k])]
    once = [order[0], *(i for i in order[1:] if not beyond(order[0], i))] if order else []
    neighbour = [i for k, i in enumerate(order) if k == 0 or not beyond(i, order[k - 1])]
    given_order = _greedy(range(len(order)), beyond)
    mistakes = [
        ("negative_scores", [i for i in right if scores[i] > 0], "boxes with a score of 0 or less are lost"),
        ("local_index", [order.index(i) for i in right], "these are places in the sorted list, not in the given one"),
        ("unsorted", given_order, "boxes are taken in the given order; the best scores come first"),
        ("ascending", _greedy(order[::-1], beyond), "the boxes with the lowest scores are kept; sort the other way"),
        ("nothing_suppressed", order, "all boxes are kept. Does the loop run, and does it throw away anything?"),
        ("inverted", _inverted(order, beyond), "boxes that overlap are kept, and the others go"),
        ("suppressed_suppress", earlier, "a box that is gone must not throw away others"),
        ("best_only", once, "only the best box throws away others; after it comes the next one that is left"),
        ("neighbour_only", neighbour, "a box is compared with the one before it, not with all that were kept"),
        ("while_iterating", _removed_while_iterating(order, beyond), "a list changes while a loop runs over it"),
        ("last_lost", right[:-1], "the last box is lost. When does the loop end?"),
        ("one_box", right[:1], "only one box is kept. Is there a return inside the loop?"),
    ]
    for kind, value, text in mistakes:
        if got == list(value):
            raise Mistake(kind, f"{got} are kept: {text}")
    if sorted(got) == sorted(right):
        raise Mistake("order", "the right boxes are kept, but the best does not come first")
    raise Mistake("value", f"{got} are kept, and {right} is right")


def sliding_windows(answer: Answer, height: int, width: int, side: int, stride: int) -> None:
    """``answer(height, width, side, stride)``: all square windows inside an image, ``(K, 4)`` as ``(x1, y1, x2, y2)``.

    A window of ``side`` covers ``x1 .. x1 + side``. The top left one comes first, then its row, then the next row.
    Where no window fits there are none: ``(0, 4)``, or an empty list.
    """

    def grid(high: int = height, wide: int = width, step: int = stride, less: int = 0, down: bool = False) -> Tensor:
        ys, xs = range(0, high - side + 1 - less, step), range(0, wide - side + 1 - less, step)
        places = [(x, y) for x in xs for y in ys] if down else [(x, y) for y in ys for x in xs]
        return torch.tensor([(x, y, x + side, y + side) for x, y in places]).double().reshape(-1, 4)

    right, value = grid(), answer(height, width, side, stride)
    if not len(right) and hasattr(value, "__len__") and len(value) == 0:
        return
    got = numbers("windows", value, (None, 4))
    whole, low = (width - side) // stride * stride, (height - side) // stride * stride
    short = right[(right[:, 0] < whole) & (right[:, 1] < low)]
    over = (
        [min(y, height - side) for y in range(0, height - side + stride, stride)],
        [min(x, width - side) for x in range(0, width - side + stride, stride)],
    )
    flush = torch.tensor([(x, y, x + side, y + side) for y in over[0] for x in over[1]]).double().reshape(-1, 4)
    mistakes = [
        ("swapped_xy", right[:, [1, 0, 3, 2]], "x and y are swapped; x goes to the right, y down"),
        ("height_width", grid(width, height), "height and width are swapped; x goes along the width"),
        ("columns", grid(down=True), "the windows come column by column; they should come row by row"),
        ("last_lost", grid(less=1), "windows that end exactly at the border are missing"),
        ("last_lost", short, "the last row and the last column are missing"),
        ("xywh", right - torch.cat((0 * right[:, :2], right[:, :2]), 1), "these are x, y, width and height"),
        ("pixel_inside", right - torch.tensor([0, 0, 1, 1]), "a window is one pixel too small; x2 is x1 + side"),
        ("stride", grid(step=1), "the stride is not used"),
        ("stride", grid(step=side), "windows move on by their side, not by the stride"),
        ("extra_at_border", flush, "windows were added at the border, where the stride leads to none"),
    ]
    for kind, found, text in mistakes:
        if not alike(found, right) and alike(got, found):
            raise Mistake(kind, f"windows: {text}")
    if (got[:, 2] > width).any() or (got[:, 3] > height).any() or (got < 0).any():
        raise Mistake("beyond_border", "windows: some do not lie wholly inside the image")
    if len(got) != len(right):
        raise Mistake("value", f"windows: there are {len(got)}, and {len(right)} is right")
    compare("windows", got, right)


def found_faces(seed: int, count: int = 14, share: float = 0.6) -> tuple[Tensor, Tensor]:
    """Scores ``(count,)`` in no order, and which are right: of the better ones more, but the best is not."""
    random = torch.Generator().manual_seed(seed)
    scores = torch.rand(count, generator=random)
    is_right = torch.rand(count, generator=random) < share * (0.5 + scores)
    is_right[scores.argmax()] = False
    return scores, is_right


def average_precision(answer: Answer, scores: Tensor, is_right: Tensor, n_truth: int) -> None:
    """``answer(scores, is_right, n_truth)``: the area under the precision-recall curve, one number.

    ``scores`` ``(N,)`` and ``is_right`` ``(N,)``, bool, are of the detections, ``n_truth`` is how many faces there are.
    Precision at a recall is the highest at this or any higher recall, and each step of recall counts with it. Without
    a detection it is 0.
    """
    value = answer(scores.clone(), is_right.clone(), n_truth)
    value = value.reshape(()) if getattr(value, "shape", None) == (1,) else value
    got, best = numbers("average precision", value, ()), scores.double().argsort(descending=True)

    def area(order: Tensor = best, truth: int = n_truth, top: str = "after", trapezoid: bool = False) -> float:
        hits, total, points = 0, 0.0, [(0.0, 1.0)]
        for k, hit in enumerate(is_right[order].tolist()):
            hits += hit
            points.append((hits / max(truth, 1), hits / (k + 1)))
        for k in range(1, len(points)):
            before, after = [p for _, p in points[1 : k + 1]], [p for _, p in points[k:]]
            height = {"after": max(after), "before": max(before), "none": points[k][1]}[top]
            last = 1.0 if k == 1 else max(p for _, p in points[k - 1 :]) if top == "after" else points[k - 1][1]
            total += (points[k][0] - points[k - 1][0]) * ((height + last) / 2 if trapezoid else height)
        return total

    def at_recalls(count: int) -> float:
        hits = is_right[best].double().cumsum(0)
        recall, precision = hits / max(n_truth, 1), hits / torch.arange(1, len(hits) + 1)
        return sum(max(precision[recall >= t - 1e-9], default=0.0) for t in torch.linspace(0, 1, count)) / count

    right, found, n = area(), int(is_right.sum()), len(scores)
    unsorted = [area(torch.arange(n), top=top) for top in ("after", "none")]
    upwards = [area(best.flip(0), top=top) for top in ("after", "none")]
    of_found = [area(truth=found, top=top) for top in ("after", "none")]
    of_all = [area(truth=n, top=top) for top in ("after", "none")]
    mistakes = [
        ("not_monotone", area(top="none"), "each precision should be the highest at this or any higher recall"),
        ("wrong_way", area(top="before"), "the highest precision is looked for at lower recalls, not at higher ones"),
        *[("unsorted", one, "detections are taken in the given order; sort them by their scores") for one in unsorted],
        *[("ascending", one, "the detections with the lowest scores come first here") for one in upwards],
        *[("recall_of_detections", one, "recall is a share of all faces, not of those found") for one in of_found],
        *[("recall_of_detections", one, "recall is a share of all faces, not of detections") for one in of_all],
        *[
            ("trapezoid", area(top=t, trapezoid=True), "the curve goes in steps, not in ramps")
            for t in ("after", "none")
        ],
        *[("few_recalls", at_recalls(c), f"this looks at {c} recalls only; take every step") for c in (11, 101)],
        ("precision", found / max(n, 1), "this is the precision of all detections: one point of the curve"),
        ("recall", found / max(n_truth, 1), "this is the recall of all detections: one point of the curve"),
        ("percent", 100 * right, "this is in percent; 1 is the most"),
    ]
    compare("average precision", got, torch.tensor(right).double(), mistakes)


def _public_iou(answer: Answer) -> None:
    iou(answer, boxes_and_scores(0, 6)[0], boxes_and_scores(1, 4)[0])
    corner = torch.tensor([[0.0, 0, 1, 1], [1, 0, 2, 1], [1, 1, 2, 2], [3, 3, 3, 3]])
    iou(answer, corner, torch.cat((corner, torch.tensor([[0.0, 0.0, 2.0, 2.0]]))))


def _public_nms(answer: Answer) -> None:
    for seed, threshold in ((2, 0.3), (6, 0.5)):
        boxes, scores = boxes_and_scores(seed)
        nms(answer, boxes, scores, threshold)
        nms(answer, boxes, 5 * scores - 2, threshold)
    nms(answer, torch.zeros(0, 4), torch.zeros(0), 0.5)


def _public_precision(answer: Answer) -> None:
    for seed in (0, 1):
        average_precision(answer, *found_faces(seed), 13)
    average_precision(answer, torch.zeros(0), torch.zeros(0, dtype=torch.bool), 3)


def _public_windows(answer: Answer) -> None:
    for height, width, side, stride in ((12, 21, 5, 3), (9, 13, 3, 2), (3, 9, 5, 1)):
        sliding_windows(answer, height, width, side, stride)


PUBLIC = {
    "iou": _public_iou,
    "nms": _public_nms,
    "sliding_windows": _public_windows,
    "average_precision": _public_precision,
}
