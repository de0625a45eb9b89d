import torch


def precision_at(score, is_trash, k):
    limit = torch.sort(score, descending=True).values[k - 1]
    chosen = score >= limit
    return is_trash[chosen].float().mean().item()
