"""In numpy and scipy, float64; the middle of pixel 0 is at 0.5; a U-Net with concatenation."""

import numpy as np
import torch
from scipy.ndimage import map_coordinates
from torch import nn


def similarity_matrix(points, template, *, eps=1e-12):
    src, dst = np.asarray(points, dtype=np.float64), np.asarray(template, dtype=np.float64)
    sm, dm = src.mean(0), dst.mean(0)
    cov = (dst - dm).T @ (src - sm) / len(src)
    u, s, vt = np.linalg.svd(cov)
    d = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rot = u @ np.diag(d) @ vt
    scale = (s * d).sum() / max((src - sm).var(0).sum(), eps)
    return np.hstack([scale * rot, (dm - scale * rot @ sm)[:, None]])


def align(image, points, template, size, order=1):
    m = np.vstack([similarity_matrix(points, template), [0, 0, 1]])
    back = np.linalg.inv(m)
    v, u = np.mgrid[: size[0], : size[1]] + 0.5
    x, y, _ = np.tensordot(back, np.stack([u, v, np.ones_like(u)]), axes=1)
    return np.stack([map_coordinates(c, [y - 0.5, x - 0.5], order=order, mode="nearest") for c in np.asarray(image)])


def heatmap_targets(points, size, sigma):
    p = np.asarray(points, dtype=np.float64)
    gy = np.exp(-((np.arange(size[0])[None] + 0.5 - p[:, 1:]) ** 2) / (2 * sigma**2))
    gx = np.exp(-((np.arange(size[1])[None] + 0.5 - p[:, :1]) ** 2) / (2 * sigma**2))
    return np.einsum("ph,pw->phw", gy, gx)


def read_points(heatmaps):
    maps = np.asarray(heatmaps)
    rows, columns = np.unravel_index(maps.reshape(len(maps), -1).argmax(1), maps.shape[1:])
    return np.stack([columns, rows], axis=1) + 0.5


class UNet(nn.Module):
    def __init__(self, depth, width, outer):
        super().__init__()
        self.enter = self.block(outer, width)
        self.inside = UNet(depth - 1, 2 * width, width) if depth > 1 else self.block(width, width)
        self.up = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.leave = nn.Sequential(self.block(2 * width, width), nn.Conv2d(width, outer, 1))

    @staticmethod
    def block(a, b):
        return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.ReLU(inplace=True))

    def forward(self, x):
        x = self.enter(x)
        low = self.up(self.inside(nn.functional.avg_pool2d(x, 2)))
        return self.leave(torch.cat([x, low], dim=1))


def hourglass(depth, channels):
    return UNet(depth, channels, channels)
