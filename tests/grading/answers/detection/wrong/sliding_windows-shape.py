import torch


def sliding_windows(height, width, side, stride):
    ys = torch.arange(0, max(height - side + 1, 0), stride)
    xs = torch.arange(0, max(width - side + 1, 0), stride)
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    return torch.stack((x, y, x + side, y + side), dim=-1)
