import torch


def average_precision(scores, is_right, n_truth):
    order = scores.argsort(descending=True)
    hits = is_right[order].float().cumsum(0)
    precision = hits / torch.arange(1, len(scores) + 1)
    recall = hits / n_truth
    total = 0.0
    for level in torch.linspace(0, 1, 11):
        reached = precision[recall >= level]
        total += reached.max().item() / 11 if len(reached) else 0
    return total
