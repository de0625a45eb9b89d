"""The camera that takes a composed photo: one lens, one exposure, one file for all that is in it.

What is pasted into a photo gives itself away by an edge too sharp, or by a noise that its surroundings lack.
"""

from __future__ import annotations

import functools
import io

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from dlsfaces import rng
from dlsfaces.rng import Dice

_TILE, _NOISE_SEED = 512, 33  # pixels of the square of noise that every photo takes a window of


def snapshot(image: Image.Image, dice: Dice, strength: float = 1.0) -> Tensor:
    """White balance and exposure, a slight blur, noise, JPEG.

    Args:
        image: Pillow's RGB.
        dice: draw the camera's settings.
        strength: how far they may be off; 0 changes nothing but what a good JPEG does.
    Returns:
        uint8 ``(3, H, W)``.
    """
    exposure, warm = 1 + strength * dice(-0.12, 0.12), strength * dice(-0.06, 0.06)
    gamma, blur, noise = 1 + strength * dice(-0.12, 0.12), strength * dice(-0.3, 0.75), strength * dice(0.5, 3.5)
    levels = np.linspace(0, 1, 256)[None] ** gamma * (exposure * np.array([[1 + warm], [1.0], [1 - warm]]))
    image = image.point((255 * levels).round().clip(0, 255).astype(int).ravel().tolist())
    if blur > 0.15:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    quality = dice.integer(round(95 - 30 * strength), 96)
    file = io.BytesIO()
    _noisy(image, noise, dice).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).contiguous()


@functools.cache
def _noise() -> np.ndarray:
    """A square of noise, ``(_TILE, _TILE, 3)`` float32: much the same in all colours, and a little coarse."""
    white = rng.normal(rng.key(_NOISE_SEED, torch.arange(_TILE)), 4 * _TILE).view(_TILE, _TILE, 4)
    noise = white[..., :1] + 0.5 * white[..., 1:]
    noise = noise + 0.4 * (noise.roll(1, 0) + noise.roll(1, 1))
    return (noise / noise.std()).numpy()


@functools.lru_cache(maxsize=64)
def _noise_of(strength: int) -> np.ndarray:
    """The same, ``strength`` / 4 grey levels strong: int16."""
    return (_noise() * (strength / 4)).round().astype(np.int16)


def _noisy(image: Image.Image, strength: float, dice: Dice) -> Image.Image:
    rows, columns = ((dice.integer(0, _TILE - 1) + np.arange(side)) % _TILE for side in (image.height, image.width))
    noise = _noise_of(round(4 * strength))[rows][:, columns]
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
