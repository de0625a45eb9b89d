"""Reading photos from files."""

from __future__ import annotations

import stat
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlsfaces import geometry
from dlsfaces.data.decoding import MAX_PIXELS, decode

#: HEIC is listed though it cannot be read: who has such photos should hear of it rather than miss them.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".heic", ".heif")
MAX_BYTES = 8 * MAX_PIXELS  #: a larger file cannot be a photo of ``MAX_PIXELS``: 4 channels of 16 bits, uncompressed

Box = tuple[float, float, float, float]


def read_photo(path: str | Path, crop: Box | None = None, size: tuple[int, int] | None = None) -> Tensor:
    """Read a photo upright (EXIF orientation applied) and in RGB, transparent pixels over white.

    JPEG, PNG, WebP, GIF, BMP and TIFF, grey or coloured, of 1 to 32 bits; :mod:`dlsfaces.data.decoding` says how each
    becomes RGB and what is too large. Colour profiles are ignored.

    Args:
        path: the file.
        crop: ``(x1, y1, x2, y2)`` in pixels of the upright photo; the whole photo where None.
        size: ``(height, width)`` to scale to (antialiased, bilinear); the crop's own size, rounded, where None.
    Returns:
        uint8 ``(3, height, width)``.
    Raises:
        FileNotFoundError: no such file.
        ValueError: not an image, a broken one, one far too large, or a crop that leaves the photo; names the file.
    """
    image = open_photo(path, crop)
    box = crop or geometry.whole((image.height, image.width))
    height, width = size or (round(box[3] - box[1]), round(box[2] - box[0]))
    if (width, height) != image.size or crop:
        image = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def open_photo(path: str | Path, crop: Box | None = None) -> Image.Image:
    """The whole photo, upright, in RGB, as Pillow's image; the crop lies in it. Raises as :func:`read_photo`."""
    data = _bytes(path)
    try:
        image = decode(data)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as an image ({error}); remove or replace the file") from error
    if crop is not None:
        x1, y1, x2, y2 = crop
        if not (x1 < x2 and y1 < y2):
            raise ValueError(f"the crop {crop} has no area; it is (x1, y1, x2, y2) with x1 < x2 and y1 < y2")
        if x1 < 0 or y1 < 0 or x2 > image.width or y2 > image.height:
            raise ValueError(f"{path} is {image.width}x{image.height}, too small for the crop {crop}")
    return image


def _bytes(path: str | Path) -> bytes:
    try:
        found = Path(path).stat()
        if stat.S_ISDIR(found.st_mode):
            raise ValueError("it is a folder")
        if not stat.S_ISREG(found.st_mode):  # to open a pipe is to wait for its other end
            raise ValueError("it is no ordinary file")
        if found.st_size > MAX_BYTES:
            raise ValueError(f"it has {found.st_size} bytes, more than any photo of {MAX_PIXELS // 10**6} megapixels")
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"there is no photo at {path}") from None
    except (OSError, ValueError) as error:  # ValueError also for a name that no file can have
        raise ValueError(f"{path} cannot be read as an image ({error}); remove or replace it") from error


@dataclass(frozen=True)
class FileReader:
    """A :data:`~dlsfaces.data.records.Reader` over files; with a few threads, since decoding releases Python's lock.

    A class and not a closure, so that worker processes can be sent one.
    """

    paths: Sequence[Path]
    crop: Box | None = None

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        """uint8 ``(n, 3, height, width)``."""
        if len(indices) == 1:
            return read_photo(self.paths[indices[0]], self.crop, size)[None]
        with ThreadPoolExecutor(4) as pool:
            return torch.stack(list(pool.map(lambda i: read_photo(self.paths[i], self.crop, size), indices)))


def list_photos(folder: Path) -> list[Path]:
    """The image files of a folder by their extensions, ordered by name; hidden files (macOS's ``._x.jpg``) left out.

    Whether they can be read is not looked at.

    Raises:
        ValueError: the folder cannot be listed.
    """
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith(".")]
    except OSError as error:
        raise ValueError(f"{folder} cannot be listed ({error}); make it readable") from error
    return sorted(found, key=by_name)


def by_name(path: Path) -> tuple[str, str]:
    """A key to sort by: the name as people read it, whichever way its accents are stored (see :func:`composed`)."""
    return composed(path.name), path.name


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC): macOS hands out accents and й as two characters, others as one."""
    return unicodedata.normalize("NFC", name)
