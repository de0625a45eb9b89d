import torch


def heatmap_targets(points, size, sigma):
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    d2 = (x - points[:, 0, None, None]) ** 2 + (y - points[:, 1, None, None]) ** 2
    return torch.exp(-d2 / (2 * sigma**2)) / (2 * torch.pi * sigma**2)
