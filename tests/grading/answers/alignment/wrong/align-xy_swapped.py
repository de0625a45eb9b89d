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
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    place = torch.stack([y, x, torch.ones_like(x)], dim=-1).float() @ matrix.T
    grid = 2 * place / torch.tensor([image.shape[2] - 1, image.shape[1] - 1]) - 1
    return F.grid_sample(image[None], grid[None], align_corners=True)[0]
