import math

import torch


def heatmap_targets(points, size, sigma):
    h, w = size
    maps = torch.zeros(len(points), h, w)
    r = math.ceil(3 * sigma) + 1
    for k, (px, py) in enumerate(points.tolist()):
        if px < 0 or py < 0 or px >= w or py >= h:
            continue  # not visible
        for row in range(max(0, int(py) - r), min(h, int(py) + r + 1)):
            for col in range(max(0, int(px) - r), min(w, int(px) + r + 1)):
                d2 = (col + 0.5 - px) ** 2 + (row + 0.5 - py) ** 2
                maps[k, row, col] = math.exp(-d2 / (2 * sigma**2))
    return maps
