import torch


def auroc(score, is_trash):
    hits = is_trash[torch.argsort(score, descending=True)].float()
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    return (precision * hits).sum() / hits.sum()
