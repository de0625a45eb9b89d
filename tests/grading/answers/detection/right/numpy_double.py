"""In numpy, float64, with ``np.add.reduce`` and reversed accumulation."""

import numpy as np


def iou(a, b, eps=1e-9):
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    x1, y1, x2, y2 = (f(a[:, None, k], b[None, :, k]) for k, f in enumerate([np.maximum] * 2 + [np.minimum] * 2))
    inter = np.clip(x2 - x1, 0, None) * np.clip(y2 - y1, 0, None)
    size = lambda box: (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])  # noqa: E731
    return inter / (size(a)[:, None] + size(b)[None] - inter + eps)


def nms(boxes, scores, threshold):
    boxes, order, keep = boxes.numpy(), np.argsort(scores.numpy())[::-1], []
    while order.size > 0:
        i = order[0]
        keep.append(i)
        inds = np.where(iou(boxes[i : i + 1], boxes[order[1:]])[0] <= threshold)[0]
        order = order[inds + 1]
    return np.array(keep, dtype=np.int64)


def sliding_windows(height, width, side, stride):
    ys, xs = np.arange(0, height - side + 1, stride), np.arange(0, width - side + 1, stride)
    x, y = np.meshgrid(xs, ys)
    return np.stack([x, y, x + side, y + side], axis=-1).reshape(-1, 4).astype(np.float32)


def average_precision(scores, is_right, n_truth):
    order = np.argsort(-scores.numpy(), kind="stable")
    tp = np.cumsum(is_right.numpy()[order])
    recall = np.concatenate(([0.0], tp / n_truth, [1.0]))
    precision = np.concatenate(([0.0], tp / np.arange(1, len(tp) + 1), [0.0]))
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    change = np.where(recall[1:] != recall[:-1])[0]
    return np.sum((recall[change + 1] - recall[change]) * precision[change + 1])
