import torch.nn as nn
import torch.nn.functional as F


def block(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())


class Hourglass(nn.Module):
    def __init__(self, depth, channels):
        super().__init__()
        self.down = nn.ModuleList(block(channels) for _ in range(depth))
        self.up = nn.ModuleList(block(channels) for _ in range(depth))

    def forward(self, x):
        kept = []
        for down in self.down:
            x = F.max_pool2d(down(x), 2)
            kept.append(x)  # after the pooling, so not at full resolution
        for up in self.up:
            x = up(F.interpolate(x + kept.pop(), scale_factor=2))
        return x


def hourglass(depth, channels):
    return Hourglass(depth, channels)
