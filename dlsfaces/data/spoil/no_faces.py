"""Pictures that show nobody: crops of photos that are given, or else things and places that are drawn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

import drawpeople
from dlsfaces import geometry
from dlsfaces.data.images import find_broken, list_images, open_image
from dlsfaces.data.records import Photo
from dlsfaces.data.spoil import occluders, things
from dlsfaces.data.spoil.drawing import places
from dlsfaces.data.spoil.spoiling import fine_noise, from_light
from dlsfaces.rng import Dice
from drawpeople import clutter
from drawpeople.background import background

log = logging.getLogger(__name__)

SHARE = (0.5, 1.0)  #: a crop's side, of the largest that fits into the photo
_FINE = 160  #: pixels of width with which is drawn at least: print and stripes are gone in a smaller picture
_PICTURES = 2**20  #: the generator's places to choose from

#: ``(dice, (height, width)) -> uint8 (3, height, width)``: a picture of nobody, the same for the same dice.
Nobodies = Callable[[Dice, tuple[int, int]], Tensor]


def nobodies(given: str | Path | Sequence[Photo] | Sequence[Tensor] | None) -> Nobodies:
    """Where pictures of nobody come from: photos given, see :func:`dlsfaces.data.plant_trash`, or drawn ones.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: nothing in it, or something else than photos.
    """
    if given is None:
        return drawn
    if isinstance(given, (str, Path)):
        return Crops(_files(Path(given).expanduser()))
    if not isinstance(given, Sequence) or len(given) == 0:
        raise ValueError("not_faces is a folder or a sequence of photos or images, with at least one in it")
    _image(given[0])
    return Crops(given)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"not_faces={str(folder)!r} is no folder")
    paths = list_images(folder)
    if not paths:
        raise ValueError(f"not_faces={str(folder)!r} holds no photos; name a folder with photos in it")
    broken = find_broken(paths, folder, "not_faces")
    return [path for path in paths if path not in broken]


@dataclass(frozen=True, eq=False)
class Crops:
    """Random crops of photos, which are files, records or images."""

    photos: Sequence[Path] | Sequence[Photo] | Sequence[Tensor]

    def __call__(self, dice: Dice, size: tuple[int, int]) -> Tensor:
        """uint8 ``(3, height, width)``."""
        image = _image(self.photos[dice.integer(0, len(self.photos) - 1)])
        share = dice(*SHARE) * min(image.width / size[1], image.height / size[0])
        width, height = share * size[1], share * size[0]
        x, y = dice(0, image.width - width), dice(0, image.height - height)
        crop = image.resize(size[::-1], Image.Resampling.BILINEAR, box=(x, y, x + width, y + height))
        return torch.from_numpy(np.array(crop)).permute(2, 0, 1).contiguous()


def _image(photo: Path | Photo | Tensor) -> Image.Image:
    if isinstance(photo, Path):
        return open_image(photo)
    image = photo.image if isinstance(photo, Photo) else photo
    if not isinstance(image, Tensor) or image.dtype != torch.uint8 or image.dim() != 3 or len(image) != 3:
        raise ValueError(f"not_faces holds {type(photo).__name__}; it takes Photos or images, uint8 (3, H, W)")
    return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())


def drawn(dice: Dice, size: tuple[int, int]) -> Tensor:
    """A room, a street, trees or the like, and one to four things there: uint8 ``(3, height, width)``.

    One of the things may be one that looks at us, though it has no face.
    """
    finer = max(1, -(-_FINE // size[1]))
    height, width = finer * size[0], finer * size[1]
    image = _place(dice.fork(0), (height, width))
    for k in range(dice.integer(1, 4)):
        wide, x, y = dice(0.35, 0.9), dice(0.1, 0.9), dice(0.1, 0.9) * height / width
        own = dice.fork(k + 1)
        thing = _THINGS[own.integer(0, len(_THINGS) - 1)](own, torch.zeros(3))
        far = occluders.reach(thing, own(0.35, 0.6), 1.0)
        box = (-x / wide, -y / wide, (1 - x) / wide, (height / width - y) / wide)
        image = occluders.cover(image, thing, *places(width, height, box), far, own(0.6, 1.0))
    if dice.happens(0.5):
        image = _put(image, dice.fork(8))
    image = F.avg_pool2d(image[None], finer)[0]
    return (255 * fine_noise(image, dice.fork(9))).round().clamp(0, 255).to(torch.uint8)


def _put(image: Tensor, dice: Dice) -> Tensor:
    """The image with one of the things that a bad detector takes for a face."""
    height, width = image.shape[1:]
    name, side = _LOOKALIKES[dice.integer(0, len(_LOOKALIKES) - 1)], round(dice(0.35, 0.75) * width)
    x, y = dice(0.0, width - side), dice(0.0, max(1.0, height - side))
    thing = Image.new("RGBA", (width, height))
    thing.paste(clutter.thing(name, max(1, side), dice.fork(0)), (round(x), round(y)))
    drawing = torch.from_numpy(np.array(thing)).permute(2, 0, 1) / 255
    return torch.lerp(image, drawing[:3], drawing[3:])


_LOOKALIKES = ("ball", "button", "car", "clock", "house", "socket")
_THINGS = (things.paper, things.bar, things.cloth, things.leaves, things.ball)


def _place(dice: Dice, size: tuple[int, int]) -> Tensor:
    """What is behind one of the embedded people, without them: sRGB ``(3, height, width)``."""
    number = torch.tensor([dice.integer(0, _PICTURES)])
    dials = drawpeople.pictures(number, number)
    x, y = (v.flatten() for v in places(size[1], size[0], (0.0, 0.0, geometry.LOOSE.width, geometry.LOOSE.height)))
    light = background(torch.zeros(len(x), dtype=torch.int64), x, y, dials)
    return from_light(light.clamp(0, 1)).view(3, *size)
