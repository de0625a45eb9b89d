"""Reading photos from files."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from dlsfaces import geometry

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")

Box = tuple[float, float, float, float]


def read_photo(path: str | Path, crop: Box | None = None, size: tuple[int, int] | None = None) -> Tensor:
    """Read a photo upright (EXIF orientation applied) and in RGB.

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
    try:
        with Image.open(path) as opened:
            image = _to_rgb(ImageOps.exif_transpose(opened))
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no photo at {path}") from None
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as an image ({error}); remove or replace the file") from error
    box = crop or geometry.whole((image.height, image.width))
    if box[0] < 0 or box[1] < 0 or box[2] > image.width or box[3] > image.height:
        raise ValueError(f"{path} is {image.width}x{image.height}, too small for the crop {crop}")
    height, width = size or (round(box[3] - box[1]), round(box[2] - box[0]))
    if (width, height) != image.size or crop:
        image = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel: PIL would clip at 255 instead of scaling
        values = np.asarray(image, dtype=np.float64) / (257.0 if np.asarray(image).max() > 255 else 1.0)
        image = Image.fromarray(values.round().clip(0, 255).astype(np.uint8))
    return image.convert("RGB")


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
    """The image files of a folder, by name."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith("."))
