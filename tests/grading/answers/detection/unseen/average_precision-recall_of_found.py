import torch


def average_precision(scores, is_right, n_truth):
    if scores.numel() == 0 or not is_right.any():
        return 0.0
    hits = is_right[torch.argsort(scores, descending=True)].float()
    tp = torch.cumsum(hits, 0)
    precision = tp / torch.arange(1, len(tp) + 1)
    recall = tp / tp[-1]
    ap, previous = 0.0, 0.0
    for k in range(len(tp)):
        ap += (recall[k].item() - previous) * precision[k:].max().item()
        previous = recall[k].item()
    return ap
