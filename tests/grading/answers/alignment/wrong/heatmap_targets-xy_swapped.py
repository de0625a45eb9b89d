import torch


def heatmap_targets(points, size, sigma):
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    maps = [torch.exp(-((y - px) ** 2 + (x - py) ** 2) / (2 * sigma**2)) for px, py in points]
    return torch.stack(maps)
