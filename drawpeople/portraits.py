"""A real portrait cut out by its landmarks, on painted shoulders: somebody to paste whom a camera has seen.

The head's outline is an oval that follows the eyes; a little of the portrait's own background stays inside it.
"""

import numpy as np
import torch
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from torch import Tensor

from drawpeople.cutouts import Cutout
from drawpeople.rng import Dice

# All in eye distances from the middle between the eyes, y down.
_HEAD = (0.0, -0.02, 1.38, 1.98)  # an oval's middle and half its sides: crown to chin, hair included
_NECK = (0.62, 1.0, 2.1, 0.4)  # half its width, where it begins and ends, and how far the collar hangs below
_CORE = (0.2, 1.18, 1.65)  # an oval that is face and neck for sure: its middle's height and half its sides
_ABOVE, _BELOW, _BESIDE = 2.3, 4.4, 3.0  # what a cutout shows
_SHOULDERS = ((0.66, 2.05), (1.0, 2.35), (1.75, 2.62), (2.15, 2.95), (2.32, 3.6), (2.32, 5.0))  # half the outline
_SOFT = 0.07  # the edge's blur
_SHOULDER_SEED = 31


def cut_portrait(image: Tensor, landmarks: Tensor, identity: int = -1, number: int = 0) -> Cutout:
    """Cut a portrait out, in its own size and without resampling it.

    Args:
        image: uint8 ``(3, H, W)``: a whole head, such as an aligned CelebA image.
        landmarks: float32 ``(5, 2)`` in its pixels.
        identity: whose it is.
        number: another number, other clothes.
    """
    landmarks = landmarks.float()
    across, middle = landmarks[1] - landmarks[0], landmarks[:2].mean(0)
    eyes, tilt = float(across.norm()), torch.rad2deg(torch.atan2(across[1], across[0]))
    portrait = Image.fromarray(image.permute(1, 2, 0).numpy())
    size = (round(2 * _BESIDE * eyes), round((_ABOVE + _BELOW) * eyes))
    origin = torch.tensor([size[0] / 2, _ABOVE * eyes]).round()
    corner = (origin - middle).round()
    at = tuple((middle + corner).tolist())
    whole = _shoulders(size, at, eyes, Dice(_SHOULDER_SEED, number), portrait)
    held = Image.new("L", size)
    left, top = corner.int().tolist()
    held.paste(_unlike_background(portrait, tuple(middle.tolist()), eyes), (left, top))
    held = ImageChops.multiply(held, _faded(size, (left, top), portrait.size, eyes))
    over = Image.new("RGB", size)
    over.paste(portrait, (left, top))
    over.putalpha(ImageChops.multiply(_head(size, at, eyes, float(tilt)), held))
    whole.alpha_composite(over)
    return Cutout(whole, landmarks + corner, torch.ones(5, dtype=torch.bool), identity, eyes)


def _head(size: tuple[int, int], at: tuple[float, float], eyes: float, tilt: float) -> Image.Image:
    """The soft outline of head and neck: Pillow's L."""
    shape = Image.new("L", size)
    draw = ImageDraw.Draw(shape)
    x, y, wide, high = _HEAD
    draw.ellipse(_around(at, eyes, x, y, wide, high), 255)
    half, top, bottom, hanging = _NECK
    draw.rectangle(_around(at, eyes, 0, (top + bottom) / 2, half, (bottom - top) / 2), 255)
    draw.ellipse(_around(at, eyes, 0, bottom, half, hanging), 255)
    shape = shape.rotate(-tilt, Image.Resampling.BILINEAR, center=at)
    return shape.filter(ImageFilter.BoxBlur(_SOFT * eyes)).filter(ImageFilter.BoxBlur(_SOFT * eyes))


def _faded(size: tuple[int, int], corner: tuple[int, int], held: tuple[int, int], eyes: float) -> Image.Image:
    """All where the portrait, ``held`` wide and high, lies, and less and less towards its edges: Pillow's L."""
    inside = Image.new("L", size)
    inside.paste(255, (*corner, corner[0] + held[0], corner[1] + held[1]))
    return inside.filter(ImageFilter.BoxBlur(_SOFT * eyes)).point([max(0, 2 * k - 255) for k in range(256)])


def _around(at: tuple[float, float], eyes: float, x: float, y: float, wide: float, high: float) -> list[float]:
    """The box of an oval or a rectangle, from its middle and half its sides."""
    left, top, right, bottom = x - wide, y - high, x + wide, y + high
    return [at[0] + left * eyes, at[1] + top * eyes, at[0] + right * eyes, at[1] + bottom * eyes]


def _unlike_background(portrait: Image.Image, middle: tuple[float, float], eyes: float) -> Image.Image:
    """How little each pixel looks like what is at the portrait's sides, where that is plain and light: L.

    A white wall between hair and oval would be seen from afar. Face and neck stay whole, whatever their colour.
    """
    pixels = np.asarray(portrait, dtype=np.float32)
    high, wide = pixels.shape[:2]
    rows, strip = slice(0, max(1, high // 2)), max(1, wide // 16)
    alpha = np.ones((high, wide), np.float32)
    for side in (pixels[rows, :strip], pixels[rows, -strip:]):
        wall, rough = np.median(side, (0, 1)), side.std((0, 1)).mean()
        plain = (1.5 - rough / 30).clip(0, 1) * ((wall.mean() - 90) / 50).clip(0, 1)  # dark, it could be hair
        unlike = (2 * np.abs(pixels - wall).max(2) / (18 + 1.5 * rough) - 1).clip(0, 1)
        alpha *= 1 - plain * (1 - unlike)
    kept = Image.fromarray((255 * alpha).astype(np.uint8)).filter(ImageFilter.BoxBlur(1))
    y, across, down = _CORE
    core = Image.new("L", portrait.size)
    ImageDraw.Draw(core).ellipse(_around(middle, eyes, 0, y, across, down), 255)
    kept.paste(255, (0, 0), core.filter(ImageFilter.BoxBlur(_SOFT * eyes)))
    return kept


def _shoulders(
    size: tuple[int, int], at: tuple[float, float], eyes: float, dice: Dice, portrait: Image.Image
) -> Image.Image:
    """A plain pullover in a colour of its own, as light as the portrait: RGBA."""
    mask = Image.new("L", (2 * size[0], 2 * size[1]))
    outline = [(at[0] + side * x * eyes, at[1] + y * eyes) for side in (1, -1) for x, y in _SHOULDERS[::side]]
    ImageDraw.Draw(mask).polygon([(2 * x, 2 * y) for x, y in outline], 255)
    mask = mask.resize(size, Image.Resampling.BOX).filter(ImageFilter.BoxBlur(0.03 * eyes))
    light = np.asarray(portrait.resize((1, 1), Image.Resampling.BOX)).mean() / 255
    colour = np.array([dice(0.25, 1.0) for _ in range(3)]) * (0.3 + light) * dice(0.4, 1.2)
    x = (np.arange(size[0]) + 0.5 - at[0]) / (2.32 * eyes)
    shade = 0.55 + 0.45 * np.sqrt(np.clip(1 - x * x, 0, 1))
    row = (255 * shade[:, None] * colour).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(row, (size[1], *row.shape)).copy())
    image.putalpha(mask)
    return image
