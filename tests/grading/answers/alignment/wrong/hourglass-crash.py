import torch.nn as nn
import torch.nn.functional as F


def block(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())


class Hourglass(nn.Module):
    def __init__(self, depth, channels, side=64):
        super().__init__()
        self.skip, self.before = block(channels), block(channels)
        self.inner = Hourglass(depth - 1, channels, side // 2) if depth > 1 else block(channels)
        self.up = nn.Upsample(size=(side, side))

    def forward(self, x):
        return self.skip(x) + self.up(self.inner(self.before(F.max_pool2d(x, 2))))


def hourglass(depth, channels):
    return Hourglass(depth, channels)
