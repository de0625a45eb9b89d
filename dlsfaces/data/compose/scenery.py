"""What is around the people of a scene: the place, things in it, light and shadows."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dlsfaces.data.images import EXTENSIONS, find_broken, list_images, open_image
from dlsfaces.rng import Dice
from drawpeople import backdrops
from drawpeople import clutter as things

_MOST_THINGS = 16  # with all the clutter there is
_ON_PAPER = ("scrambled", "hand", "head from behind")  # by themselves they would hang in mid-air


def photos_of(folder: Path) -> list[Path]:
    """The photos of a folder that can be read.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no photo in it, or none that can be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"backgrounds={str(folder)!r} is no folder; give one of photos without people, or None")
    found = list_images(folder)
    if not found:
        kinds = ", ".join(EXTENSIONS)
        raise ValueError(f"backgrounds={str(folder)!r} holds no photo ({kinds}); give another folder, or None")
    broken = find_broken(found, folder, f"backgrounds in {folder.name}")
    return [path for path in found if path not in broken]


@dataclass(frozen=True, eq=False)
class Scenery:
    """Places for people to stand in.

    Attributes:
        photos: of places without people; drawn ones where None.
        clutter: how many things lie about, from 0 to 1.
    """

    photos: Sequence[Path] | None
    clutter: float

    def backdrop(self, size: tuple[int, int], ground: float, dice: Dice) -> Image.Image:
        """A place of ``size`` (height, width) whose ground begins at row ``ground``, as far as that can be had: RGB."""
        if self.photos is None:
            return backdrops.backdrop(size, ground, dice)
        photo = open_image(self.photos[dice.integer(0, len(self.photos) - 1)])
        return _cut(photo, size, dice)

    def furnish(
        self,
        image: Image.Image,
        sizes: tuple[float, float],
        ground: float,
        dice: Dice,
        somebody: Image.Image | None = None,
    ) -> None:
        """Put things that are no faces into a place, large and small as faces are.

        Args:
            image: Pillow's RGB; it is painted on.
            sizes: smallest and largest width of a thing.
            ground: the row where the ground begins: things stand on it or hang above it.
            dice: draw the things.
            somebody: a face, to be scrambled; none is where None.
        """
        names = (*things.NAMES, "scrambled")
        for k in range(round(dice(0, self.clutter) * _MOST_THINGS)):
            own = dice.fork(k)
            name, side = names[own.integer(0, len(names) - 1)], round(own.log(*sizes))
            if name == "scrambled" and somebody is None:
                continue
            made = things.scrambled(somebody, own) if name == "scrambled" else things.thing(name, side, own)
            picture = _framed(made, side, own) if name in _ON_PAPER else made
            _set_down(image, picture, name in things.ON_THE_GROUND, ground, own)


def _cut(photo: Image.Image, size: tuple[int, int], dice: Dice) -> Image.Image:
    """A part of a photo, of the shape of ``size`` and at least half as large as it can be, scaled and flipped."""
    height, width = size
    share = dice(0.5, 1.0) * min(photo.width / width, photo.height / height)
    wide, high = share * width, share * height
    left, top = dice(0, photo.width - wide), dice(0, photo.height - high)
    photo.draft("RGB", (width, height))
    part = photo.resize((width, height), Image.Resampling.BICUBIC, (left, top, left + wide, top + high))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if dice.happens(0.5) else part


def _framed(picture: Image.Image, side: int, dice: Dice) -> Image.Image:
    """A picture to hang up."""
    edge, margin = max(1, round(0.06 * side)), round(dice(0, 0.15) * side)
    high = max(1, round(side * picture.height / picture.width))
    paper = Image.new("RGB", (side + 2 * margin, high + 2 * margin), backdrops.tint(dice, (0.4, 1.0)))
    small = picture.resize((side, high), Image.Resampling.BILINEAR)
    paper.paste(small.convert("RGB"), (margin, margin), small.convert("RGBA").getchannel("A"))
    frame = Image.new("RGBA", (paper.width + 2 * edge, paper.height + 2 * edge), backdrops.tint(dice, (0.1, 0.8)))
    frame.paste(paper, (edge, edge))
    return frame


def _set_down(image: Image.Image, picture: Image.Image, stands: bool, ground: float, dice: Dice) -> None:
    """Hang a thing above the ground, or stand it on it."""
    row = min(max(ground, 0.3 * image.height), 0.95 * image.height)
    left = int(dice(-0.3, 1) * image.width)
    if stands:
        foot = min(image.height * 1.05, row + dice() * picture.height)  # the larger, the nearer
        cast_shadow(image, picture, left, int(foot) - picture.height)
    else:
        foot = dice(0.5 * picture.height, max(picture.height, row))
    image.paste(picture.convert("RGB"), (left, int(foot) - picture.height), picture.getchannel("A"))


@functools.cache
def _blot() -> Image.Image:
    spot = Image.new("L", (64, 64))
    ImageDraw.Draw(spot).ellipse([12, 12, 52, 52], 130)
    return spot.filter(ImageFilter.GaussianBlur(6))


def cast_shadow(image: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    """Darken the ground below what will stand there, where its lower end is in the photo."""
    foot = top + picture.height
    if foot >= image.height:
        return
    wide = round(1.1 * picture.width)
    high = max(2, round(0.28 * picture.width))
    at = (left + (picture.width - wide) // 2, foot - round(0.6 * high))
    image.paste((15, 15, 15), at, _blot().resize((max(2, wide), high)))


def light_of(image: Image.Image) -> list[int]:
    """What the light of a place makes of each level of red, green and blue (a table of 3 x 256) on people in it."""
    mean = np.asarray(image.resize((1, 1), Image.Resampling.BOX), dtype=np.float32)[0, 0]
    gains = (((mean + 25) / 130) ** 0.3).clip(0.72, 1.2)
    return (gains[:, None] * np.arange(256)).round().clip(0, 255).astype(int).ravel().tolist()


def lit(picture: Image.Image, light: Sequence[int]) -> Image.Image:
    """Pillow's RGBA in the light of :func:`light_of`: RGB."""
    return picture.convert("RGB").point(light)
