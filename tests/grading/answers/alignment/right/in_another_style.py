import torch
from torch import nn
from torch.nn import functional as F


def similarity_matrix(points, template):
    p_mean, q_mean = points.mean(0), template.mean(0)
    p, q = points - p_mean, template - q_mean
    power = (p * p).sum()
    a = (q[:, 0] * p[:, 0] + q[:, 1] * p[:, 1]).sum() / power  # real part of z
    b = (q[:, 1] * p[:, 0] - q[:, 0] * p[:, 1]).sum() / power  # imaginary part of z
    turn = torch.stack([torch.stack([a, -b]), torch.stack([b, a])])
    shift = q_mean - turn @ p_mean
    return torch.cat([turn, shift[:, None]], dim=1)


def align(image, points, template, size):
    height, width = size
    matrix = similarity_matrix(points, template).to(image.dtype)
    back = torch.linalg.inv(matrix[:, :2])
    ys, xs = torch.meshgrid(
        torch.arange(height, dtype=image.dtype) + 0.5, torch.arange(width, dtype=image.dtype) + 0.5, indexing="ij"
    )
    crop = torch.stack([xs, ys], dim=-1)  # (h, w, 2)
    photo = (crop - matrix[:, 2]) @ back.T
    extent = torch.tensor([image.shape[2], image.shape[1]], dtype=image.dtype)
    grid = 2 * photo / extent - 1
    return F.grid_sample(image[None], grid[None], mode="bilinear", padding_mode="zeros", align_corners=False)[0].clamp(
        0, 1
    )


def heatmap_targets(points, size, sigma):
    height, width = size
    xs = torch.arange(width, dtype=points.dtype) + 0.5
    ys = torch.arange(height, dtype=points.dtype) + 0.5
    gx = torch.exp(-((xs[None] - points[:, :1]) ** 2) / (2 * sigma**2))
    gy = torch.exp(-((ys[None] - points[:, 1:]) ** 2) / (2 * sigma**2))
    return gy[:, :, None] * gx[:, None, :]


def read_points(heatmaps):
    width = heatmaps.shape[2]
    best = heatmaps.reshape(heatmaps.shape[0], -1).argmax(dim=1)
    return torch.stack([best % width, torch.div(best, width, rounding_mode="floor")], dim=1).float() + 0.5


def block(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())


class Hourglass(nn.Module):
    def __init__(self, depth, channels):
        super().__init__()
        self.skip = block(channels)
        self.depth = depth
        if depth > 0:
            self.before = block(channels)
            self.inner = Hourglass(depth - 1, channels)
            self.after = block(channels)

    def forward(self, x):
        if self.depth == 0:
            return self.skip(x)
        down = F.max_pool2d(self.before(x), 2)
        up = F.interpolate(self.after(self.inner(down)), scale_factor=2, mode="nearest")
        return self.skip(x) + up


def hourglass(depth, channels):
    return Hourglass(depth, channels)
