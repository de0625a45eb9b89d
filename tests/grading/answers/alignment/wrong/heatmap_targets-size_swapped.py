import torch


def heatmap_targets(points, size, sigma):
    width, height = size
    x, y = torch.arange(width), torch.arange(height)[:, None]
    maps = [torch.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)) for px, py in points]
    return torch.stack(maps)
