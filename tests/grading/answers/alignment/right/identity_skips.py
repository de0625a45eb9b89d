"""Centred SVD in torch, PIL, masks; identity skips in lists of layers, and a final ReLU."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn


def similarity_matrix(points, template):
    a, b = points - points.mean(dim=0), template - template.mean(dim=0)
    U, S, V = torch.linalg.svd(b.T @ a)
    D = torch.diag(torch.tensor([1.0, torch.det(U @ V)]))
    R = U @ D @ V
    c = torch.trace(torch.diag(S) @ D) / (a**2).sum()
    return torch.cat([c * R, (template.mean(0) - c * R @ points.mean(0)).unsqueeze(1)], dim=1)


def align(image, points, template, size):
    m = np.eye(3)
    m[:2] = similarity_matrix(points, template).numpy()
    data = np.linalg.inv(m)[:2].flatten()
    picture = Image.fromarray((image.permute(1, 2, 0).numpy() * 255).astype(np.uint8))
    out = picture.transform((size[1], size[0]), Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(out)).permute(2, 0, 1) / 255


def heatmap_targets(points, size, sigma):
    ys, xs = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    pixels = torch.stack([xs, ys], -1).reshape(-1, 2).float()
    maps = torch.exp(-torch.cdist(points, pixels).pow(2) / (2 * sigma**2)).reshape(-1, *size)
    return list(maps)


def read_points(heatmaps):
    result = []
    for one in heatmaps:
        y, x = (one == one.max()).nonzero()[0]
        result.append(torch.stack([x, y]))
    return torch.stack(result)


class Glass(nn.Module):
    def __init__(self, depth, channels):
        super().__init__()
        self.depth = depth
        for k in range(depth):
            setattr(self, f"down{k}", nn.Conv2d(channels, channels, 3, 1, 1))
            setattr(self, f"up{k}", nn.Conv2d(channels, channels, 3, 1, 1))

    def forward(self, x):
        levels = [x]
        for k in range(self.depth):
            levels.append(F.max_pool2d(F.relu(getattr(self, f"down{k}")(levels[-1])), 2))
        x = levels.pop()
        for k in reversed(range(self.depth)):
            x = getattr(self, f"up{k}")(F.relu(x))
            x = F.interpolate(x, size=levels[-1].shape[2:], mode="bilinear", align_corners=False) + levels.pop()
        return F.relu(x)


def hourglass(depth, channels):
    return Glass(depth, channels)
