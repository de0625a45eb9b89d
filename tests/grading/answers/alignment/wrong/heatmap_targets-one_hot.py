import torch


def heatmap_targets(points, size, sigma):
    maps = torch.zeros(len(points), *size)
    for k, (x, y) in enumerate(points.round().long()):
        if 0 <= x < size[1] and 0 <= y < size[0]:
            maps[k, y, x] = 1
    return maps
