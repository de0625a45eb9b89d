import torch.nn as nn


def block(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = block(channels)

    def forward(self, x):
        return x + self.body(x)


def hourglass(depth, channels):
    return nn.Sequential(*[Residual(channels) for _ in range(2 * depth)])
