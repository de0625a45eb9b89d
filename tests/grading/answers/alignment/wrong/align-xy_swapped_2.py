import numpy as np
import torch
from scipy.ndimage import map_coordinates


def umeyama(source, target):
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = torch.linalg.svd(b.T @ a)
    d = torch.tensor([1.0, torch.sign(torch.det(u @ vt))])
    linear = u @ torch.diag(d) @ vt * (s * d).sum() / (a**2).sum()
    return torch.cat([linear, (target.mean(0) - linear @ source.mean(0))[:, None]], dim=1)


def align(image, points, template, size):
    matrix = umeyama(template, points).numpy()
    v, u = np.mgrid[: size[0], : size[1]]
    place = np.tensordot(matrix, np.stack([u, v, np.ones_like(u)]), axes=1)  # x, y
    return np.stack([map_coordinates(channel, place, order=1) for channel in image.numpy()])
