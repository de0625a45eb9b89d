import torch


def average_precision(scores, is_right, n_truth):
    order = scores.argsort(descending=True)
    hits = is_right[order].float().cumsum(0)
    precision = hits / torch.arange(1, len(scores) + 1)
    recall = hits / n_truth
    recall = torch.cat((torch.zeros(1), recall))
    precision = torch.cat((torch.ones(1), precision))
    return float(torch.trapezoid(precision, recall))
