import torch


def read_points(heatmaps):
    n, h, _ = heatmaps.shape
    best = heatmaps.reshape(n, -1).argmax(1)
    return torch.stack([best % h, best // h], dim=1)
