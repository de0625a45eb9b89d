import torch


def average_precision(scores, is_right, n_truth):
    hits = is_right.float().cumsum(0)
    precision = hits / torch.arange(1, len(scores) + 1)
    recall = hits / n_truth
    precision = precision.flip(0).cummax(0).values.flip(0)
    steps = torch.diff(recall, prepend=torch.zeros(1))
    return float((steps * precision).sum())
