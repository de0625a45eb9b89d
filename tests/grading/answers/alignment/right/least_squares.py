"""Least squares in float32, skimage and affine_grid, patches of 3 sigma, refined peaks, and strided convolutions."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def similarity_matrix(points, template):
    rows = []
    for x, y in points:
        rows += [torch.stack([x, -y, x.new_tensor(1), x.new_tensor(0)]), torch.stack([y, x, x * 0, x * 0 + 1])]
    A, b = torch.stack(rows), template.reshape(-1)
    k = torch.linalg.solve(A.T @ A, A.T @ b)
    return torch.tensor([[k[0], -k[1], k[2]], [k[1], k[0], k[3]]])


def _to_unit(h, w):
    return torch.tensor([[2 / w, 0, 1 / w - 1], [0, 2 / h, 1 / h - 1], [0, 0, 1.0]])


def align(image, points, template, size=(112, 96)):
    if image.dim() == 3:
        return align(image[None], points, template, size)[0]
    m = torch.eye(3)
    m[:2] = similarity_matrix(points, template)
    theta = _to_unit(*image.shape[-2:]) @ torch.inverse(m) @ torch.inverse(_to_unit(*size))
    grid = F.affine_grid(theta[None, :2], [1, 3, size[0], size[1]], align_corners=False)
    return F.grid_sample(image, grid, padding_mode="border", align_corners=False).clamp(0, 1)


def heatmap_targets(points, size, sigma, cut=3):
    maps = torch.zeros(len(points), *size)
    for k, (x0, y0) in enumerate(points):
        for y in range(size[0]):
            for x in range(size[1]):
                d = torch.hypot(x - x0, y - y0)
                if d <= cut * sigma:
                    maps[k, y, x] = torch.exp(-0.5 * (d / sigma) ** 2)
    return maps


def read_points(heatmaps, window=1):
    found = torch.empty(len(heatmaps), 2)
    for k, one in enumerate(heatmaps):
        y, x = divmod(int(one.argmax()), one.shape[1])
        top, left = max(y - window, 0), max(x - window, 0)
        part = one[top : y + window + 1, left : x + window + 1]
        part = (part - part.min()) / (part.max() - part.min() + 1e-9)
        ys, xs = torch.meshgrid(torch.arange(part.shape[0]), torch.arange(part.shape[1]), indexing="ij")
        found[k, 0] = left + (part * xs).sum() / part.sum()
        found[k, 1] = top + (part * ys).sum() / part.sum()
    return found


class Level(nn.Module):
    """A level around what is inside it."""

    def __init__(self, c, inside):
        super().__init__()
        self.skip = nn.Conv2d(c, c, 1)
        self.lower = nn.Sequential(
            nn.Conv2d(c, c, 3, 2, 1), nn.LeakyReLU(0.1), inside, nn.Upsample(scale_factor=2, mode="bilinear")
        )
        self.out = nn.Sequential(nn.Conv2d(c, c, 3, padding=1), nn.LeakyReLU(0.1))

    def forward(self, x):
        return self.out(self.skip(x) + self.lower(x))


def hourglass(depth, channels):
    net = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(4, channels), nn.ReLU())
    for _ in range(depth):
        net = Level(channels, net)
    return net
