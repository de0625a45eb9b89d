import math

import torch


def heatmap_targets(points, size, sigma):
    maps = torch.zeros(len(points), *size)
    for k, (px, py) in enumerate(points.round().long().tolist()):
        for y in range(size[0]):
            for x in range(size[1]):
                maps[k, y, x] = math.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2))
    return maps
