import torch


def read_points(heatmaps):
    """Soft argmax."""
    n, h, w = heatmaps.shape
    weights = heatmaps.flatten(1).softmax(1).view(n, h, w)
    return torch.stack([(weights.sum(1) * torch.arange(w)).sum(1), (weights.sum(2) * torch.arange(h)).sum(1)], dim=1)
