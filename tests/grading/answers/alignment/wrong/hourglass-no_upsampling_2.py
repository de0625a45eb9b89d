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
        low = F.max_pool2d(x, 2)
        low = self.inner(self.before(low))
        if low.shape[-1] < x.shape[-1] // 2:
            low = F.interpolate(low, scale_factor=2)
        return self.after(low) + F.max_pool2d(self.skip(x), 2)


def hourglass(depth, channels):
    return Hourglass(depth, channels)
