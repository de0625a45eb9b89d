import torch.nn as nn


def block(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())


def hourglass(depth, channels):
    layers = []
    for _ in range(depth):
        layers += [block(channels), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, block(channels))
