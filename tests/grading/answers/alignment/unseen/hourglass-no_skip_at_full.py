from torch import nn
from torch.nn import functional as F


def block(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())


class Hourglass(nn.Module):
    def __init__(self, depth, channels):
        super().__init__()
        self.down = nn.MaxPool2d(2)
        self.side = block(channels)
        self.middle = Hourglass(depth - 1, channels) if depth > 1 else block(channels)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        small = self.down(x)
        small = self.side(small) + self.middle(small)
        return F.interpolate(self.out(small), scale_factor=2, mode="bilinear", align_corners=False)


def hourglass(depth, channels):
    return Hourglass(depth, channels)
