"""Augmentation of a batch of faces on the device that trains.

What happens to an image depends on its key alone (:mod:`dlsfaces.rng`), not on the batch or the number of processes.
"""

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

    @classmethod
    def strong(cls) -> Augmentation:
        """For images that are too much alike, such as those of built-in people."""
        colours = cls(brightness=0.4, contrast=0.4, saturation=0.5, tint=0.15, grey=0.2)
        return replace(colours, zoom=0.15, shift=0.06, blur=0.4, max_sigma=2.0, cutout=0.4)

    def __call__(self, images: Tensor, keys: Tensor) -> Tensor:
        """Images, uint8 or float in [0, 1], ``(N, 3, H, W)``, changed by int64 keys ``(N,)``: float32 in [0, 1]."""
        u = rng.uniform(keys.to(images.device), 20)
        images = self._move(to_float(images), u[:, :5])
        images = self._colour(images, u[:, 5:12])
        images = self._blur(images, u[:, 12:14])
        return self._cut(images, u[:, 14:19])

    def _move(self, images: Tensor, u: Tensor) -> Tensor:
        """Flip, turn, zoom and shift in one resampling; beyond the border the image is mirrored."""
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


def luma(images: Tensor) -> Tensor:
    """Brightness as the eye weighs it (ITU-R BT.601): ``(N, 3, H, W)`` to ``(N, 1, H, W)``."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=images.device, dtype=images.dtype)
    return (images * weights.view(3, 1, 1)).sum(1, keepdim=True)
