"""Complex numbers, grid_sample, broadcasting; the hourglass as Newell et al. drew it."""

import torch
import torch.nn.functional as F
from torch import nn


def similarity_matrix(points, template):
    p, t = (torch.complex(a[:, 0].double(), a[:, 1].double()) for a in (points, template))
    z = torch.einsum("i,i->", (t - t.mean()), (p - p.mean()).conj()) / (p - p.mean()).abs().square().sum()
    shift = t.mean() - z * p.mean()
    return torch.stack([torch.stack([z.real, -z.imag, shift.real]), torch.stack([z.imag, z.real, shift.imag])])


def align(image, points, template, size):
    h, w = size
    back = (
        similarity_matrix(template, points).float() if False else inverse(similarity_matrix(points, template)).float()
    )
    v, u = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    grid = torch.einsum("ij,jhw->hwi", back, torch.stack([u, v, torch.ones_like(u)]).float())
    sides = torch.tensor([image.shape[2], image.shape[1]])
    return F.grid_sample(image[None], (2 * grid / (sides - 1) - 1)[None], align_corners=True)[0]


def inverse(m):
    full = torch.cat([m, m.new_tensor([[0, 0, 1]])])
    return torch.linalg.inv(full)[:2]


heatmap_targets = lambda points, size, sigma: torch.exp(  # noqa: E731
    -(
        (torch.arange(size[1]) - points[:, 0, None, None]) ** 2
        + (torch.arange(size[0])[:, None] - points[:, 1, None, None]) ** 2
    )
    / (2 * sigma**2)
)


def read_points(heatmaps):
    return torch.stack([heatmaps.amax(1).argmax(1), heatmaps.amax(2).argmax(1)], dim=1)


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        layers = []
        for a, b, k in [(c, c // 2, 1), (c // 2, c // 2, 3), (c // 2, c, 1)]:
            layers += [nn.BatchNorm2d(a), nn.ReLU(inplace=True), nn.Conv2d(a, b, k, padding=k // 2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


class Hourglass(nn.Module):
    def __init__(self, n, c):
        super().__init__()
        self.upper, self.low1, self.low3 = Residual(c), Residual(c), Residual(c)
        self.low2 = Residual(c) if n == 1 else Hourglass(n - 1, c)

    def forward(self, x):
        low = self.low3(self.low2(self.low1(F.max_pool2d(x, 2, 2))))
        return self.upper(x) + F.interpolate(low, scale_factor=2, mode="nearest")


hourglass = Hourglass
