import numpy as np
import torch


def read_points(heatmaps):
    n, w, h = heatmaps.shape
    flat = heatmaps.reshape(n, w * h).argmax(-1)
    ys, xs = np.divmod(flat.numpy(), w)
    return torch.tensor(np.stack([xs + 0.5, ys + 0.5], 1), dtype=torch.float32)
