"""Augmentation of a batch of faces on the device that trains; an image's key alone decides (:mod:`dlsfaces.rng`)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces import rng
from dlsfaces.geometry import to_float


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a face that leave its identity alone. Each field is a strength; 0 switches the change off."""

    flip: float = 0.5  # the probability of a mirrored image
    rotation: float = 10.0  # degrees to either side
    zoom: float = 0.1  # share of the image's size, to either side, as is the shift
    shift: float = 0.05
    brightness: float = 0.3  # share by which a colour may change, to either side, as are the next three
    contrast: float = 0.3
    saturation: float = 0.3
    tint: float = 0.05
    grey: float = 0.1  # probability
    blur: float = 0.2  # probability
    max_sigma: float = 1.5  # the blur's largest standard deviation, in pixels
    cutout: float = 0.3  # the probability of a hole
    max_hole: float = 0.4  # its longest side as a share of the image's
    coarse: float = 0.0  # the probability of an image that was smaller, down to a quarter
    screen: float = 0.0  # the probability of a newspaper's dots
    grain: float = 0.0  # the largest standard deviation of noise, in grey levels from 0 to 1

    @classmethod
    def strong(cls) -> Augmentation:
        """For images that are too much alike, such as those of built-in people."""
        colours = cls(brightness=0.4, contrast=0.4, saturation=0.5, tint=0.15, grey=0.2)
        return replace(colours, zoom=0.15, shift=0.06, blur=0.4, max_sigma=2.0, cutout=0.4)

    def __call__(self, images: Tensor, keys: Tensor) -> Tensor:
        """Images, uint8 or float in [0, 1], ``(N, 3, H, W)``, changed by int64 keys ``(N,)``: float32 in [0, 1]."""
        keys = keys.to(images.device)
        u = rng.uniform(keys, 26)
        images = self._move(to_float(images), u[:, :5])
        images = self._colour(images, u[:, 5:12])
        images = self._blur(images, u[:, 12:14])
        images = self._cut(images, u[:, 14:19])
        return self._grain(self._screen(self._coarse(images, u[:, 20:22]), u[:, 22:25]), u[:, 25], keys)

    def _move(self, images: Tensor, u: Tensor) -> Tensor:
        """Flip, turn, zoom and shift in one resampling; beyond the border the image is mirrored."""
        if not (self.flip or self.rotation or self.zoom or self.shift):
            return images
        n, _, height, width = images.shape
        angle, zoom, dx, dy = (2 * u[:, 1:] - 1).unbind(1)
        angle = angle * math.radians(self.rotation)
        scale = 1 + zoom * self.zoom
        mirror = torch.where(u[:, 0] < self.flip, -1.0, 1.0)
        cos, sin = scale * angle.cos(), scale * angle.sin()
        aspect = height / width  # grid_sample's coordinates run from -1 to 1 on both sides
        rows = (mirror * cos, -mirror * sin * aspect, 2 * dx * self.shift, sin / aspect, cos, 2 * dy * self.shift)
        theta = torch.stack(rows, dim=1).view(n, 2, 3)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    def _colour(self, images: Tensor, u: Tensor) -> Tensor:
        strengths = [self.brightness, self.contrast, self.saturation] + 3 * [self.tint]
        factor = 1 + (2 * u[:, :6] - 1) * torch.tensor(strengths, device=images.device)
        brightness, contrast, saturation = (f.view(-1, 1, 1, 1) for f in factor[:, :3].unbind(1))
        saturation = torch.where(u[:, 6].view(-1, 1, 1, 1) < self.grey, 0.0, saturation)
        images = images * (brightness * factor[:, 3:].view(-1, 3, 1, 1))
        mean = images.mean((1, 2, 3), keepdim=True)
        images = torch.lerp(mean, images, contrast)
        return torch.lerp(luma(images), images, saturation).clamp(0, 1)

    def _blur(self, images: Tensor, u: Tensor) -> Tensor:
        """A Gaussian of each sample's own width, as one grouped convolution a direction."""
        chosen = (u[:, 0] < self.blur).nonzero()[:, 0]
        if len(chosen) == 0:
            return images
        radius = math.ceil(2 * self.max_sigma)
        sigma = 0.3 + u[chosen, 1] * (self.max_sigma - 0.3)
        offset = torch.arange(-radius, radius + 1, device=images.device)
        kernel = (-0.5 * (offset / sigma[:, None]) ** 2).exp()
        kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, dim=0)
        flat = images[chosen].reshape(1, -1, *images.shape[2:])
        flat = F.pad(flat, [radius] * 4, mode="reflect")
        flat = F.conv2d(flat, kernel[:, None, :, None], groups=len(kernel))
        flat = F.conv2d(flat, kernel[:, None, None, :], groups=len(kernel))
        return images.index_copy(0, chosen, flat.view(-1, 3, *images.shape[2:]))

    def _cut(self, images: Tensor, u: Tensor) -> Tensor:
        """A grey rectangle (DeVries and Taylor 2017) that hides a part of the face."""
        height, width = images.shape[2:]
        size = (0.1 + (self.max_hole - 0.1) * u[:, 1:3]) * (u[:, :1] < self.cutout)
        y = (torch.arange(height, device=images.device) + 0.5) / height
        x = (torch.arange(width, device=images.device) + 0.5) / width
        in_y = (y - u[:, 3, None]).abs() < size[:, 0, None] / 2
        in_x = (x - u[:, 4, None]).abs() < size[:, 1, None] / 2
        return torch.where((in_y[:, :, None] & in_x[:, None, :])[:, None], 0.5, images)

    def _coarse(self, images: Tensor, u: Tensor) -> Tensor:
        """Scaled down to a half, a third or a quarter, and up again."""
        step = torch.where(u[:, 0] < self.coarse, 2 + (3 * u[:, 1]).long(), 1)
        for k in (2, 3, 4):
            rows = (step == k).nonzero()[:, 0]
            if len(rows):
                small = F.interpolate(images[rows], scale_factor=1 / k, mode="bilinear", antialias=True)
                large = F.interpolate(small, images.shape[2:], mode="bilinear", align_corners=False)
                images = images.index_copy(0, rows, large.clamp(0, 1))
        return images

    def _screen(self, images: Tensor, u: Tensor) -> Tensor:
        """Grey as dots on a turned grid, 2 to 5 pixels apart, larger where it is darker; more or less distinct."""
        rows = (u[:, 0] < self.screen).nonzero()[:, 0]
        if len(rows) == 0:
            return images
        height, width = images.shape[2:]
        y, x = (torch.arange(n, device=images.device) for n in (height, width))
        wave = math.sqrt(2) * math.pi / (2 + 3 * u[rows, 1, None, None])  # turned by 45 degrees
        # Black and white have no dots.
        dots = 0.5 + ((wave * (x + y[:, None])).cos() + (wave * (x - y[:, None])).cos()) / 6
        printed = (0.5 + 3 * (luma(images[rows])[:, 0] - dots)).clamp(0, 1)
        strength = (0.2 + 0.5 * u[rows, 2]).view(-1, 1, 1, 1)
        return images.index_copy(0, rows, torch.lerp(images[rows], printed[:, None].expand(-1, 3, -1, -1), strength))

    def _grain(self, images: Tensor, u: Tensor, keys: Tensor) -> Tensor:
        """Noise of each image's own strength, the same in all three colours, as film's."""
        if self.grain == 0:
            return images
        height, width = images.shape[2:]
        noise = rng.normal(rng.key(keys, 1), height * width).view(-1, 1, height, width)
        return (images + noise * (self.grain * u.view(-1, 1, 1, 1))).clamp(0, 1)


def luma(images: Tensor) -> Tensor:
    """Brightness as the eye weighs it (ITU-R BT.601): ``(N, 3, H, W)`` to ``(N, 1, H, W)``."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=images.device, dtype=images.dtype)
    return (images * weights.view(3, 1, 1)).sum(1, keepdim=True)
