import numpy as np


def read_points(heatmaps):
    return [np.unravel_index(int(one.argmax()), one.shape) for one in heatmaps]
