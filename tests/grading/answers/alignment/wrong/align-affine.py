import torch
import torch.nn.functional as F


def warp(image, matrix, size):
    """Matrix from the crop to the photo."""
    v, u = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    grid = torch.stack([u, v, torch.ones_like(u)], dim=-1).float() @ matrix.T
    grid = 2 * grid / torch.tensor([image.shape[2] - 1, image.shape[1] - 1]) - 1
    return F.grid_sample(image[None], grid[None], align_corners=True)[0]


def align(image, points, template, size):
    three = torch.cat([template[:3], torch.ones(3, 1)], dim=1)
    return warp(image, torch.linalg.solve(three, points[:3]).T, size)
