import torch


def tpr_at_fpr(positive, negative, fpr):
    threshold = torch.quantile(negative, 1 - fpr)
    return (positive > threshold).float().mean(), threshold
