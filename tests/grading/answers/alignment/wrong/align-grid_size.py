import torch
import torch.nn.functional as F


def umeyama(source, target):
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = torch.linalg.svd(b.T @ a)
    d = torch.tensor([1.0, torch.sign(torch.det(u @ vt))])
    linear = u @ torch.diag(d) @ vt * (s * d).sum() / (a**2).sum()
    return torch.cat([linear, (target.mean(0) - linear @ source.mean(0))[:, None]], dim=1)


def align(image, points, template, size):
    matrix = umeyama(template, points)
    v, u = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    grid = torch.stack([u, v, torch.ones_like(u)], dim=-1).float() @ matrix.T
    grid = 2 * grid / torch.tensor([size[1] - 1, size[0] - 1]) - 1
    return F.grid_sample(image[None], grid[None], align_corners=True)[0]
