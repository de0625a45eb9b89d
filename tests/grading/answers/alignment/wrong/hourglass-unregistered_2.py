import torch.nn as nn
import torch.nn.functional as F


def block(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())


class Hourglass(nn.Module):
    def __init__(self, depth, channels):
        super().__init__()
        self.last = nn.Conv2d(channels, channels, 1)
        self.levels = [(block(channels), block(channels), block(channels)) for _ in range(depth)]

    def forward(self, x):
        kept = []
        for down, skip, _ in self.levels:
            kept.append(skip(x))
            x = F.max_pool2d(down(x), 2)
        for _, _, up in reversed(self.levels):
            x = up(F.interpolate(x, scale_factor=2)) + kept.pop()
        return self.last(x)


def hourglass(depth, channels):
    return Hourglass(depth, channels)
