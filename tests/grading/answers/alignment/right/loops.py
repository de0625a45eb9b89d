"""Plain loops over numbers."""

import math

import torch
import torch.nn as nn


def similarity_matrix(points, template):
    px = [float(p[0]) for p in points]
    py = [float(p[1]) for p in points]
    tx = [float(t[0]) for t in template]
    ty = [float(t[1]) for t in template]
    n = len(px)
    mpx, mpy, mtx, mty = sum(px) / n, sum(py) / n, sum(tx) / n, sum(ty) / n
    dot = cross = power = 0.0
    for i in range(n):
        ax, ay, bx, by = px[i] - mpx, py[i] - mpy, tx[i] - mtx, ty[i] - mty
        dot += ax * bx + ay * by
        cross += ax * by - ay * bx
        power += ax * ax + ay * ay
    angle = math.atan2(cross, dot)
    scale = math.hypot(dot, cross) / power
    a, b = scale * math.cos(angle), scale * math.sin(angle)
    return [[a, -b, mtx - a * mpx + b * mpy], [b, a, mty - b * mpx - a * mpy]]


def align(image, points, template, size):
    (a, b, c), (d, e, f) = similarity_matrix(points, template)
    det = a * e - b * d
    height, width = size
    result = torch.zeros(3, height, width)
    for v in range(height):
        for u in range(width):
            x = round((e * (u - c) - b * (v - f)) / det)
            y = round((a * (v - f) - d * (u - c)) / det)
            if 0 <= x < image.shape[2] and 0 <= y < image.shape[1]:
                result[:, v, u] = image[:, y, x]
    return result


def heatmap_targets(points, size, sigma):
    maps = []
    for px, py in points.tolist():
        rows = []
        for y in range(size[0]):
            rows.append([math.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma * sigma)) for x in range(size[1])])
        maps.append(rows)
    return maps


def read_points(heatmaps):
    found = []
    for heatmap in heatmaps:
        best, where = -math.inf, None
        for y, row in enumerate(heatmap.tolist()):
            for x, value in enumerate(row):
                if value > best:
                    best, where = value, (x, y)
        found.append(where)
    return found


def hourglass(depth, channels):
    return Net(depth, channels)


def conv(channels):
    convolution = nn.Conv2d(channels, channels, 3, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU(), nn.Dropout(0.2))


class Net(nn.Module):
    def __init__(self, depth, channels):
        super().__init__()
        self.down = nn.ModuleList([conv(channels) for _ in range(depth)])
        self.skips = nn.ModuleList([conv(channels) for _ in range(depth)])
        self.up = nn.ModuleList([conv(channels) for _ in range(depth)])
        self.middle = conv(channels)

    def forward(self, x):
        kept = []
        for down, skip in zip(self.down, self.skips):
            kept.append(skip(x))
            x = down(nn.functional.max_pool2d(x, 2))
        x = self.middle(x)
        for up in self.up:
            x = nn.functional.interpolate(up(x), scale_factor=2) + kept.pop()
        return x
