import torch


def read_points(heatmaps):
    _, h, w = heatmaps.shape
    weights = heatmaps / heatmaps.sum(dim=(1, 2), keepdim=True)
    x = (weights.sum(1) * torch.arange(w)).sum(1)
    y = (weights.sum(2) * torch.arange(h)).sum(1)
    return torch.stack([x, y], dim=1)
