import torch
import torch.nn.functional as F


def warp(image, matrix, size):
    """Matrix from the crop to the photo."""
    v, u = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    grid = torch.stack([u, v, torch.ones_like(u)], dim=-1).float() @ matrix.T
    grid = 2 * grid / torch.tensor([image.shape[2] - 1, image.shape[1] - 1]) - 1
    return F.grid_sample(image[None], grid[None], align_corners=True)[0]


def align(image, points, template, size):
    mp, mt = points.mean(0), template.mean(0)
    points -= mp
    template -= mt
    u, s, vt = torch.linalg.svd(points.T @ template)
    d = torch.tensor([1.0, torch.sign(torch.det(u @ vt))])
    linear = u @ torch.diag(d) @ vt * (template**2).sum() ** -1 * (s * d).sum()
    return warp(image, torch.cat([linear, (mp - linear @ mt)[:, None]], dim=1), size)
