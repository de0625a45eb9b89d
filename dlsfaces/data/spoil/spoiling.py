"""What spoils a photo: blur, too little light, a crop that misses the face, a copy. Pixels only; no file is touched.

All lengths are shares of the picture's width, so that a photo is spoilt alike at any size. An image is float32
``(3, H, W)`` from 0 to 1 (sRGB). Every function takes :class:`~dlsfaces.rng.Dice` and gives the same for the same dice.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.data.images import Box
from dlsfaces.rng import Dice, key, normal

#: The diameter of the disc that a point becomes, of the eye distance and not of the picture: a face is as useless in
#: either framing. In the tight one 10 to 12.5 % of the picture's width, in the loose one about 5 %.
DEFOCUS = (0.21, 0.27)
SHAKE = (0.26, 0.38)  #: the length of the path that a point draws, likewise; more, since it blurs in one direction only
STOPS = (3.5, 5.0)  #: halvings of the light below a correct exposure
CORRECT = 0.2  #: linear light that a quarter of a correctly exposed face passes; a brighter one loses more
SHOT_NOISE, READ_NOISE = 0.0016, 0.004  #: variance a unit of light, and standard deviation in the dark, both linear
FINE_NOISE = 0.008  #: standard deviation that every camera adds after its lens, in sRGB
GRAIN = 128  #: cells of noise along the width: the noise of a photo is the same at any size
TRIM = (0.01, 0.03)  #: cut off a copy, all sides together
QUALITY = (35, 75)  #: of a copy saved once more as JPEG
BRIGHTER = (1.12, 1.35)  #: the light of a brightened copy

COPIES = ("exact", "saved", "trimmed", "brightened")  #: the ways in which a photo comes to be in a collection twice


def to_light(image: Tensor) -> Tensor:
    """sRGB values as linear light, both from 0 to 1 (IEC 61966-2-1)."""
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


def from_light(light: Tensor) -> Tensor:
    """:func:`to_light` undone."""
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


def blur(eye_distance: float, image: Tensor, dice: Dice) -> Tensor:
    """Out of focus or shaken, an even chance each."""
    width = image.shape[2]
    if dice.happens(0.5):
        extent = eye_distance * width * dice(*DEFOCUS)
        blurred = _through(image, lambda x, y: _disc(x, y, extent), extent)
    else:
        extent = eye_distance * width * dice(*SHAKE)
        path = _path(dice) * extent
        blurred = _through(image, lambda x, y: _trace(x, y, path), extent)
    return fine_noise(blurred, dice)


def _through(image: Tensor, transfer: Callable[[Tensor, Tensor], Tensor], extent: float) -> Tensor:
    """The image's light after a lens, given the lens's transfer function of the frequency (cycles a pixel).

    In the frequency domain, where a kernel may be as large and as little aligned with the pixels as it likes.
    """
    height, width = image.shape[1:]
    margin = min(math.ceil(extent), height - 1, width - 1)
    light = F.pad(to_light(image)[None], [margin] * 4, mode="reflect")[0]
    y, x = torch.fft.fftfreq(light.shape[1])[:, None], torch.fft.rfftfreq(light.shape[2])[None]
    waves = torch.fft.rfft2(light) * transfer(x, y)
    light = torch.fft.irfft2(waves, s=light.shape[1:])
    return from_light(light[:, margin : margin + height, margin : margin + width].clamp(0, 1))


def _disc(x: Tensor, y: Tensor, diameter: float) -> Tensor:
    """The transfer function of an evenly filled disc (Airy's ``2 J1(r) / r``)."""
    r = (math.pi * diameter * (x * x + y * y).sqrt()).clamp(min=1e-4)
    return 2 * torch.special.bessel_j1(r) / r


def _trace(x: Tensor, y: Tensor, path: Tensor) -> Tensor:
    """The transfer function of a path ``(K, 2)``, in pixels, run through at an even pace."""
    turns = x[..., None] * path[:, 0] + y[..., None] * path[:, 1]
    return torch.exp(-2j * math.pi * turns).mean(-1)


def _path(dice: Dice, steps: int = 24) -> Tensor:
    """A hand's shake: a slightly bent line of length about 1 in any direction, around its own middle ``(steps, 2)``."""
    t = torch.linspace(-0.5, 0.5, steps)
    angle, bend = dice(0, math.pi), dice(-0.6, 0.6)
    along, aside = t, bend * (t * t - 1 / 12)
    cos, sin = math.cos(angle), math.sin(angle)
    path = torch.stack((cos * along - sin * aside, sin * along + cos * aside), dim=1)
    return path - path.mean(0)


def darken(face: Box, image: Tensor, dice: Dice) -> Tensor:
    """Underexpose: so many stops below a correct exposure of the face's box, and the noise of so little light.

    Noise has a part that grows with the root of the light and one that is always there (Foi et al. 2008, "Practical
    Poissonian-Gaussian noise modeling", equation 4).
    """
    light = to_light(image)
    x1, y1, x2, y2 = (round(v * image.shape[2]) for v in face)
    grey = light.mean(0)[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)].flatten()
    bright = float(grey.kthvalue(1 + 3 * len(grey) // 4).values)
    too_bright = math.log2(max(bright / CORRECT, 1.0))
    light = light * 2 ** -(dice(*STOPS) + too_bright)
    noise = (SHOT_NOISE * light + READ_NOISE**2).sqrt() * _grain(image, dice)
    return from_light((light + noise).clamp(0, 1))


def fine_noise(image: Tensor, dice: Dice) -> Tensor:
    """What every camera adds after its lens: otherwise a blur or a drawn thing would be told by how clean it is."""
    return (image + FINE_NOISE * _grain(image, dice)).clamp(0, 1)


def _grain(image: Tensor, dice: Dice) -> Tensor:
    """Noise of standard deviation about 1 on a ``GRAIN`` wide picture, less on a smaller one, which averages it."""
    height, width = image.shape[1:]
    cells = (max(1, round(GRAIN * height / width)), GRAIN)
    noise = normal(key(*dice.fork(0).parts), 3 * cells[0] * cells[1]).view(1, 3, *cells)
    return F.interpolate(noise, (height, width), mode="bilinear", antialias=True, align_corners=False)[0]


def window(image: Tensor, box: Box, size: tuple[int, int], rest: float | None) -> Tensor:
    """What a crop shows that was set wrongly.

    Args:
        box: the crop ``(x1, y1, x2, y2)``, in shares of the image's width and of its *height*; it may leave the image.
        size: ``(height, width)`` of the result.
        rest: the grey level beyond the image's border; None goes on with the border's pixels.
    """
    x1, y1, x2, y2 = box
    theta = torch.tensor([[[x2 - x1, 0, x1 + x2 - 1], [0, y2 - y1, y1 + y2 - 1]]], dtype=torch.float32)
    grid = F.affine_grid(theta, [1, 3, *size], align_corners=False)
    shown = F.grid_sample(image[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0]
    if rest is None:
        return shown
    return torch.where((grid[0].abs() <= 1).all(-1), shown, rest)


def trimming(dice: Dice) -> Box:
    """The box of a trimmed copy, as :func:`window` takes it: less on all sides, by shares that differ."""
    cut = dice(*TRIM)
    left, top = cut * dice(), cut * dice()
    return left, top, 1 - (cut - left), 1 - (cut - top)


def save(image: Tensor, dice: Dice) -> Tensor:
    """Saved once more as JPEG, with less quality."""
    file = io.BytesIO()
    pixels = (255 * image).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=dice.integer(*QUALITY))
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255


def brighten(image: Tensor, dice: Dice) -> Tensor:
    """More light; what was bright fades to white."""
    return from_light((to_light(image) * dice(*BRIGHTER)).clamp(0, 1))
