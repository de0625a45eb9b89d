"""What JPEG leaves of an image (ITU-T T.81): halved colour, and 8 by 8 waves rounded to steps that the quality sets.

Only what loses something is computed; the file itself, which loses nothing more, is never written. So it runs where the
images are, and each image's bits are its own: all sums are written out in a fixed order.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

# Steps at quality 50, row by row from slow to quick waves: tables K.1 (brightness) and K.2 (colour) of the standard.
_BRIGHTNESS = """
16 11 10 16 24 40 51 61  12 12 14 19 26 58 60 55  14 13 16 24 40 57 69 56  14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77  24 35 55 64 81 104 113 92  49 64 78 87 103 121 120 101  72 92 95 98 112 100 103 99
"""
_COLOUR = """
17 18 24 47 99 99 99 99  18 21 26 66 99 99 99 99  24 26 56 99 99 99 99 99  47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99
"""
_WAVES = [[0.5 * math.cos((2 * j + 1) * k * math.pi / 16) for j in range(8)] for k in range(8)]
_WAVES[0] = [math.sqrt(0.125)] * 8


def compress(image: Tensor, quality: Tensor) -> Tensor:
    """Save and load images, float32 ``(N, 3, H, W)`` RGB from 0 to 255; the qualities ``(N,)`` are libjpeg's."""
    height, width = image.shape[2:]
    if height % 16 or width % 16:
        image = pad(image, (0, -width % 16, 0, -height % 16), mode="replicate")
    red, green, blue = image.unbind(1)
    bright = 0.299 * red + 0.587 * green + 0.114 * blue
    colour = _halve(torch.stack((0.564 * (blue - bright), 0.713 * (red - bright)), dim=1))
    blocks = torch.cat((_cut(bright[:, None] - 128), _cut(colour)), dim=3)
    bright_blocks, colour_blocks = _round_waves(blocks, quality).tensor_split([bright[0].numel() // 64], dim=3)
    bright, colour = _paste(bright_blocks, bright[:, None])[:, 0] + 128, _paste(colour_blocks, colour)
    to_blue, to_red = _double(_double(colour, 2), 3).unbind(1)
    green = bright - 0.344 * to_blue - 0.714 * to_red
    image = torch.stack((bright + 1.402 * to_red, green, bright + 1.772 * to_blue), dim=1)
    return image[:, :, :height, :width]


def _halve(image: Tensor) -> Tensor:
    """Means of squares of four pixels."""
    rows = image[:, :, ::2] + image[:, :, 1::2]
    return 0.25 * (rows[..., ::2] + rows[..., 1::2])


def _double(image: Tensor, dim: int) -> Tensor:
    """Twice as many pixels along a side, a quarter of the way to their neighbours."""
    length = image.shape[dim]
    before = torch.cat((image.narrow(dim, 0, 1), image.narrow(dim, 0, length - 1)), dim)
    after = torch.cat((image.narrow(dim, 1, length - 1), image.narrow(dim, length - 1, 1)), dim)
    return torch.stack((torch.lerp(image, before, 0.25), torch.lerp(image, after, 0.25)), dim + 1).flatten(dim, dim + 1)


def _cut(channels: Tensor) -> Tensor:
    """``(N, C, H, W)`` in blocks: ``(8, 8, N, B)``, down and across."""
    n, c, height, width = channels.shape
    blocks = channels.view(n, c, height // 8, 8, width // 8, 8).permute(3, 5, 0, 1, 2, 4)
    return blocks.reshape(8, 8, n, -1)


def _paste(blocks: Tensor, like: Tensor) -> Tensor:
    """:func:`_cut` undone: ``(N, C, H, W)``, the shape of ``like``."""
    n, c, height, width = like.shape
    return blocks.reshape(8, 8, n, c, height // 8, width // 8).permute(2, 3, 4, 0, 5, 1).reshape(like.shape)


def _round_waves(blocks: Tensor, quality: Tensor) -> Tensor:
    """Round the waves of blocks ``(8, 8, N, B)``: two thirds of them of brightness, then one third of colour."""
    waves = _to_waves(_to_waves(blocks).transpose(0, 1)).transpose(0, 1)
    bright = blocks.shape[3] * 2 // 3
    for part, table in ((waves[..., :bright], _BRIGHTNESS), (waves[..., bright:], _COLOUR)):
        steps = _steps(table, quality)
        part.div_(steps).round_().mul_(steps)
    return _from_waves(_from_waves(waves).transpose(0, 1)).transpose(0, 1)


def _steps(table: str, quality: Tensor) -> Tensor:
    """The steps to which each image's waves are rounded, ``(8, 8, N, 1)``, down and across."""
    at_50 = torch.tensor([float(step) for step in table.split()], device=quality.device).view(8, 8, 1, 1)
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None]
    return ((at_50 * percent + 50) / 100).floor().clamp(1, 255)


def _to_waves(x: Tensor) -> Tensor:
    """Discrete cosine transform along the first side, which is 8 long; even waves are the same in both halves."""
    mirrored = x[4:].flip(0)
    halves = x[:4] + mirrored, x[:4] - mirrored
    waves = torch.empty_like(x)
    for k in range(8):
        _weighted(halves[k % 2], _WAVES[k][:4], waves[k])
    return waves


def _from_waves(waves: Tensor) -> Tensor:
    """:func:`_to_waves` undone."""
    x = torch.empty_like(waves)
    even, odd = x[:4], torch.empty_like(waves[:4])
    for j in range(4):
        _weighted(waves[0::2], [w[j] for w in _WAVES[0::2]], even[j])
        _weighted(waves[1::2], [w[j] for w in _WAVES[1::2]], odd[j])
    torch.sub(even.flip(0), odd.flip(0), out=x[4:])
    even += odd
    return x


def _weighted(terms: Tensor, weights: list[float], out: Tensor) -> None:
    """The weighted sum of ``(4, ...)``, term by term."""
    torch.mul(terms[0], weights[0], out=out)
    for term, weight in zip(terms[1:], weights[1:]):
        out.add_(term, alpha=weight)
