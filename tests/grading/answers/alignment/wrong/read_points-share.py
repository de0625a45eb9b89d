import torch


def read_points(heatmaps):
    _, h, w = heatmaps.shape
    best = heatmaps.flatten(1).argmax(1)
    return torch.stack([(best % w) / w, (best // w) / h], dim=1)
