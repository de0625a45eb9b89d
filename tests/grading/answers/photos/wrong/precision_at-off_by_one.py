import torch


def precision_at(score, is_trash, k):
    order = torch.argsort(score, descending=True)
    return is_trash[order[: k + 1]].float().mean()
