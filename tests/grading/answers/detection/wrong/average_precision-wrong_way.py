import torch


def average_precision(scores, is_right, n_truth):
    order = scores.argsort(descending=True)
    hits = is_right[order].float().cumsum(0)
    precision = hits / torch.arange(1, len(scores) + 1)
    recall = hits / n_truth
    precision = precision.cummax(0).values
    steps = torch.diff(recall, prepend=torch.zeros(1))
    return float((steps * precision).sum())
