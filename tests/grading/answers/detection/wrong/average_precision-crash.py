import torch


def average_precision(scores, is_right, n_truth):
    order = scores.argsort(descending=True)
    hits = is_right[order].float().cumsum(0)
    precision = hits / torch.arange(1, len(scores) + 1)
    recall = hits / n_truth
    precision = torch.tensor([max(precision[k:]) for k in range(len(precision))])
    best = precision.max()  # there is none without detections
    steps = torch.diff(recall, prepend=torch.zeros(1))
    return float((steps * precision).clamp(max=best).sum())
