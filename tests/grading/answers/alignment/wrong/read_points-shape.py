import torch


def read_points(heatmaps):
    best = heatmaps.flatten(1).argmax(1)
    w = heatmaps.shape[2]
    return torch.stack([best % w, best // w])
