import torch


def read_points(heatmaps):
    best = heatmaps.flatten(1).argmax(1)
    width = heatmaps.shape[2]
    return torch.stack([best // width, best % width], dim=1).float()
