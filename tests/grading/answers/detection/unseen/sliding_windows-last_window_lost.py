import numpy as np
import torch


def sliding_windows(height, width, side, stride):
    xs = np.arange(0, width - side, stride)
    ys = np.arange(0, height - side, stride)
    if len(xs) == 0 or len(ys) == 0:
        return torch.zeros(0, 4)
    X, Y = np.meshgrid(xs, ys)
    w = np.stack([X, Y, X + side, Y + side], axis=-1).reshape(-1, 4)
    return torch.from_numpy(w).float()
