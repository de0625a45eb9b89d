"""From light to the numbers of a file: lens, shake, exposure, film, noise, small prints, JPEG.

Most images are good photographs; each fault has a dial that is off, or barely noticed, in most of them.
"""

import functools
import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from drawpeople import rng
from drawpeople.framing import LOOSE
from drawpeople.jpeg import compress
from drawpeople.light import warmth
from drawpeople.skin import metered

_NOISE_SEED = 12
_TILE = 256  # pixels of the square of noise that every image takes a window of
_HARDLY_HALVED = 0.2  # nobody sees it
_WIDEST = 2.5  # standard deviations of a blur that are summed


def sensor(image: Tensor, shot: dict[str, Tensor], scale: tuple[float, float, float, float], skin: Tensor) -> Tensor:
    """Take the photo of linear light ``(N, 3, H, W)``: uint8, of that shape.

    The camera is set for faces of the linear colours ``skin`` ``(N, 3)``; ``scale`` is :func:`camera.framing_scale`'s.
    """
    image = _lens(image, shot, scale, metered(skin))
    image = _develop(image, shot)
    image = _add_noise(image, shot)
    image = _small_print(image, shot["low_resolution"])
    image = _saved(image.clamp_(0, 1).mul_(255), shot["jpeg"])
    return image.clamp_(0, 255).add_(0.5).to(torch.uint8)


def photograph(
    image: Tensor,
    *,
    blur: float = 0.0,
    shake: float = 0.0,
    exposure: float = 0.0,
    warmth: float = 0.0,
    noise: float = 0.0,
    quality: int = 100,
    grain: float = 0.0,
) -> Tensor:
    """Take a photo of what an image shows, by the same camera.

    Args:
        image: uint8 ``(3, H, W)``.
        blur, shake: standard deviations in pixels: in both directions, and across (down where negative).
        exposure: stops of light, more or less.
        warmth: white balance, from -1 (blue) to 1 (orange).
        noise: standard deviation, of 1 for white.
        quality: of the JPEG file; none is written at 100.
        grain: which noise, from 0 to 1.
    Returns:
        uint8 ``(3, H, W)``.
    """
    dials = {"blur": blur, "shake": shake, "exposure": exposure, "white_balance": warmth, "vignette": 0.0}
    dials |= {"noise": noise, "grain": grain}
    dials = {name: torch.tensor([float(value)]) for name, value in dials.items()}
    light = (image[None].contiguous() / 255).square_()
    grey = _lens(light, dials, (1.0, 1.0, 0.0, 0.0), torch.ones(1)).clamp_(0, 1).sqrt_()
    if noise:
        grey = _add_noise(grey, dials).clamp_(0, 1)
    pixels = grey[0].mul_(255).add_(0.5).to(torch.uint8)
    if quality == 100:
        return pixels
    file = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).contiguous()


def _lens(image: Tensor, shot: dict[str, Tensor], scale: tuple[float, float, float, float], meter: Tensor) -> Tensor:
    """Blur, by the lens in both directions and by a shaking hand in one; darker corners; exposure and white balance.

    The image given may be changed.
    """
    sx, sy, *_ = scale
    across, down = shot["shake"].clamp(min=0), (-shot["shake"]).clamp(min=0)
    image = _blur(image, 3, (shot["blur"] ** 2 + across**2).sqrt() * sx)
    image = _blur(image, 2, (shot["blur"] ** 2 + down**2).sqrt() * sy)
    gain = (meter * torch.exp2(shot["exposure"]))[:, None] * warmth(shot["white_balance"], 0.1)
    if shot["vignette"].any():
        image = image.mul_(_corners(image, shot["vignette"], scale)[:, None])
    return image.mul_(gain[:, :, None, None])


def _corners(image: Tensor, vignette: Tensor, scale: tuple[float, float, float, float]) -> Tensor:
    """The share of light that arrives at each place of the photo, ``(N, H, W)``."""
    sx, sy, ox, oy = scale
    x = ((torch.arange(image.shape[3], device=image.device) + 0.5 - ox) / sx / LOOSE.width - 0.5) ** 2
    y = ((torch.arange(image.shape[2], device=image.device) + 0.5 - oy) / sy / LOOSE.height - 0.5) ** 2
    return 1 - vignette[:, None, None] * (x + y[:, None])


def _develop(image: Tensor, shot: dict[str, Tensor]) -> Tensor:
    """Linear light to grey levels from 0 to 1, in place: film's shoulder, a gamma of 2, an S-curve."""
    image = image.clamp_(min=0)
    image = image.mul_((1.05 + 0.2 * image) / (1 + 0.75 * image)).clamp_(max=1).sqrt_()  # highlights fade, then clip
    steep = 0.4 + 2 * (shot["contrast"] - 1)  # of the S, which leaves black, middle grey and white
    return image.addcmul_(image * (1 - image) * (2 * image - 1), steep[:, None, None, None])


def _blur(image: Tensor, dim: int, sigma: Tensor) -> Tensor:
    """Gaussian blur of ``(N, 3, H, W)`` along one side, a standard deviation in pixels ``(N,)`` each.

    Images with equally many neighbours to sum go together, so that few pay for the one that is most blurred.
    """
    radius = (_WIDEST * sigma - 0.5).ceil().clamp(min=0).long()  # under 0.2 pixels nothing is seen
    radii = radius.unique().tolist()
    if len(radii) == 1:
        return _blur_by(image, dim, sigma, radii[0]) if radii[0] else image
    result = image.clone()
    for r in radii:
        where = (radius == r).nonzero()[:, 0]
        if r > 0:
            result[where] = _blur_by(image[where], dim, sigma[where], r)
    return result


def _blur_by(image: Tensor, dim: int, sigma: Tensor, radius: int) -> Tensor:
    """As :func:`_blur`, over ``radius`` pixels to each side; shifted sums in a fixed order."""
    weights = [torch.exp(-0.5 * (k / sigma) ** 2)[:, None, None, None] for k in range(radius + 1)]
    total = weights[0] + sum(2 * w for w in weights[1:])
    padding = (radius, radius, 0, 0) if dim == 3 else (0, 0, radius, radius)
    padded = torch.nn.functional.pad(image, padding, mode="replicate")
    length = image.shape[dim]
    blurred = image * (weights[0] / total)
    for k in range(1, radius + 1):
        both = padded.narrow(dim, radius - k, length) + padded.narrow(dim, radius + k, length)
        blurred.addcmul_(both, weights[k] / total)
    return blurred


@functools.cache
def _noise_tile(device: torch.device) -> Tensor:
    """A square of noise as cameras make it, ``(3, _TILE * _TILE)``, that repeats without a seam.

    Neighbours resemble each other a little (demosaicing), the three colours much, and what differs in colour is coarser
    than what differs in brightness (noise reduction). Its standard deviation is 1.
    """
    white = rng.normal(rng.key(_NOISE_SEED, torch.arange(_TILE)), _TILE * 4).view(_TILE, _TILE, 4)
    bright = _soften(white[..., :1], 1)
    colourful = _soften(white[..., 1:], 6)
    noise = bright / bright.std() + 0.5 * colourful / colourful.std()
    return (noise / noise.std()).permute(2, 0, 1).flatten(1).to(device)


def _soften(noise: Tensor, times: int) -> Tensor:
    for _ in range(times):
        for dim in (0, 1):
            noise = noise + 0.5 * (noise.roll(1, dim) + noise.roll(-1, dim))
    return noise


def _add_noise(image: Tensor, shot: dict[str, Tensor]) -> Tensor:
    """Add each image's own window of the noise, more in the shade than in the light, in place."""
    n, _, height, width = image.shape
    keys = rng.key((shot["grain"] * 2**24).long(), _NOISE_SEED)
    start = (rng.uniform(keys, 2) * _TILE).long()
    if n == 1:  # without an index: quicker for a large one
        tile = _noise_tile(image.device).view(3, _TILE, _TILE).roll((-start[0]).tolist(), (1, 2))
        noise = tile.repeat(1, 1 + height // _TILE, 1 + width // _TILE)[None, :, :height, :width]
    else:
        row = (start[:, :1] + torch.arange(height, device=image.device)) % _TILE
        column = (start[:, 1:] + torch.arange(width, device=image.device)) % _TILE
        at = (row[:, :, None] * _TILE + column[:, None, :]).view(-1)
        noise = _noise_tile(image.device).index_select(1, at).view(3, n, height, width).transpose(0, 1)
    return image.addcmul_(noise, (1.3 - 0.6 * image) * shot["noise"][:, None, None, None])


def _small_print(image: Tensor, halvings: Tensor) -> Tensor:
    """Images that were kept small and are shown larger, by ``2 ** halvings``; few, so one by one."""
    height, width = image.shape[2:]
    for k, halved in enumerate(halvings.tolist()):
        if halved > _HARDLY_HALVED:
            size = (max(1, round(height / 2**halved)), max(1, round(width / 2**halved)))
            small = torch.nn.functional.interpolate(image[k : k + 1], size, mode="area")
            image[k] = torch.nn.functional.interpolate(small, (height, width), mode="bilinear", align_corners=False)[0]
    return image


def _saved(image: Tensor, quality: Tensor) -> Tensor:
    """Images from 0 to 255 as JPEG leaves them; those of quality 100 were never saved."""
    saved = (quality < 100).nonzero()[:, 0]
    if len(saved):
        image[saved] = compress(image[saved], quality[saved].round())
    return image
