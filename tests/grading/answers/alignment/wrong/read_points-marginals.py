import torch


def read_points(heatmaps):
    return torch.stack([heatmaps.sum(1).argmax(1), heatmaps.sum(2).argmax(1)], dim=1)
