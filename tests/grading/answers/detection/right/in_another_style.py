import torch


def iou(a, b):
    upper = torch.maximum(a[:, None, :2], b[None, :, :2])
    lower = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (lower - upper).clamp(min=0).prod(2)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(1), (b[:, 2:] - b[:, :2]).prod(1)
    union = area_a[:, None] + area_b[None] - shared
    return torch.where(shared > 0, shared / union.clamp(min=1e-20), torch.zeros_like(shared))


def nms(boxes, scores, threshold):
    kept = []
    for index in scores.argsort(descending=True).tolist():
        if not kept or iou(boxes[index][None], boxes[kept]).max() <= threshold:
            kept.append(index)
    return torch.tensor(kept, dtype=torch.long)


def sliding_windows(height, width, side, stride):
    found = [
        (x, y, x + side, y + side)
        for y in range(0, height - side + 1, stride)
        for x in range(0, width - side + 1, stride)
    ]
    return torch.tensor(found, dtype=torch.float32).reshape(-1, 4)


def average_precision(scores, is_right, n_truth):
    if len(scores) == 0:
        return 0.0
    right = is_right[scores.argsort(descending=True)].double()
    precision = right.cumsum(0) / torch.arange(1, len(right) + 1)
    best = precision.flip(0).cummax(0).values.flip(0)
    return float((right * best).sum() / n_truth)
