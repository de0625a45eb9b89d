import torch.nn as nn
import torch.nn.functional as F


def block(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())


class Hourglass(nn.Module):
    def __init__(self, depth, channels):
        super().__init__()
        self.skip, self.before, self.after = block(channels), block(channels), block(channels)
        self.inner = Hourglass(depth - 1, channels) if depth > 1 else block(channels)

    def forward(self, x):
        low = self.after(self.inner(self.before(F.max_pool2d(x, 2))))
        return self.skip(x) + F.interpolate(low, scale_factor=2)


def hourglass(depth, channels):
    return Hourglass
