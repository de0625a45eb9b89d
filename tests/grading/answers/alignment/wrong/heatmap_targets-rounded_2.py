import numpy as np


def heatmap_targets(points, size, sigma):
    y, x = np.mgrid[: size[0], : size[1]]
    centres = points.numpy().astype(int)
    return np.stack([np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)) for cx, cy in centres])
