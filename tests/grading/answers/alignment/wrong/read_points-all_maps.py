import torch


def read_points(heatmaps):
    n, h, w = heatmaps.shape
    best = heatmaps.argmax()
    return torch.stack([best % w, best // w % h]).repeat(n, 1)
