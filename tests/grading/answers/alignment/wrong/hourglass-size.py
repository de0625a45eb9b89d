import torch.nn as nn
import torch.nn.functional as F


def block(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())


class Hourglass(nn.Module):
    def __init__(self, depth, channels):
        super().__init__()
        self.down = nn.ModuleList(block(channels) for _ in range(depth))
        self.up = nn.ModuleList(block(channels) for _ in range(depth))
        self.last = nn.Upsample(size=(64, 64))

    def forward(self, x):
        kept = []
        for down in self.down:
            kept.append(x)
            x = F.max_pool2d(down(x), 2)
        for up in self.up:
            x = up(F.interpolate(x, scale_factor=2)) + kept.pop()
        return self.last(x)


def hourglass(depth, channels):
    return Hourglass(depth, channels)
