import torch


def sliding_windows(height, width, side, stride):
    ys = torch.arange(0, height - side + 1, stride)
    xs = torch.arange(0, width - side + 1, stride)
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    return torch.stack((x, y, x + side, y + side), dim=-1).reshape(-1, 4)
