import math

import torch
import torch.nn.functional as F


def warp(image, matrix, size):
    """Matrix from the crop to the photo."""
    v, u = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    grid = torch.stack([u, v, torch.ones_like(u)], dim=-1).float() @ matrix.T
    grid = 2 * grid / torch.tensor([image.shape[2] - 1, image.shape[1] - 1]) - 1
    return F.grid_sample(image[None], grid[None], align_corners=True)[0]


def align(image, points, template, size):
    p, t = points - points.mean(0), template - template.mean(0)
    dot, cross = (p * t).sum(), (t[:, 0] * p[:, 1] - t[:, 1] * p[:, 0]).sum()
    angle = math.atan(cross / dot)
    scale = (p**2).sum() / torch.hypot(dot, cross)
    linear = scale * torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return warp(image, torch.cat([linear, (points.mean(0) - linear @ template.mean(0))[:, None]], dim=1), size)
