import torch


def heatmap_targets(points, size, sigma):
    x, y = torch.meshgrid(torch.arange(size[1]), torch.arange(size[0]), indexing="ij")
    maps = [torch.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)) for px, py in points]
    return torch.stack(maps)
