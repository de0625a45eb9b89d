import torch
import torch.nn as nn


def block(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())


class Hourglass(nn.Module):
    """As an autoencoder: ever more channels on the way down."""

    def __init__(self, depth, channels):
        super().__init__()
        self.down = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)
        self.inner = Hourglass(depth - 1, 2 * channels) if depth > 1 else block(2 * channels)
        self.up = nn.ConvTranspose2d(2 * channels, channels, 2, stride=2)

    def forward(self, x):
        return torch.relu(self.up(self.inner(torch.relu(self.down(x)))))


def hourglass(depth, channels):
    return Hourglass(depth, channels)
