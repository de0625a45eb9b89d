import torch


def tpr_at_fpr(positive, negative, fpr):
    ordered, _ = torch.sort(negative)
    k = min(int(fpr * len(ordered)), len(ordered) - 1)
    thr = ordered[k]
    return (positive > thr).float().mean().item(), thr.item()
