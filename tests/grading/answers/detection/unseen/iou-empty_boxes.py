import numpy as np
import torch


def iou(a, b):
    A, B = a.numpy()[:, None], b.numpy()[None]
    wh = np.minimum(A[..., 2:], B[..., 2:]) - np.maximum(A[..., :2], B[..., :2])
    inter = np.prod(np.maximum(wh, 0), axis=-1)
    size_a = np.prod(A[..., 2:] - A[..., :2], axis=-1)
    size_b = np.prod(B[..., 2:] - B[..., :2], axis=-1)
    return torch.from_numpy(inter / (size_a + size_b - inter)).float()
