import torch.nn as nn
import torch.nn.functional as F


def block(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())


class Hourglass(nn.Module):
    def __init__(self, depth, channels):
        super().__init__()
        self.skip, self.before, self.inner, self.after = (block(channels) for _ in range(4))

    def forward(self, x):
        low = self.after(self.inner(self.before(F.max_pool2d(x, 2))))
        return self.skip(x) + F.interpolate(low, scale_factor=2)


def hourglass(depth, channels):
    return Hourglass(depth, channels)
