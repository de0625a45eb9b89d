"""Reading images from files, and telling which files of a set cannot be read."""

import hashlib
import json
import logging
import os
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
import torch
from PIL import Image, ImageFile, ImageOps
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from dlsfaces import geometry
from dlsfaces.data.folders import cache_folder

log = logging.getLogger(__name__)

ENDINGS = Image.registered_extensions()  # asks for all of Pillow's readers; an older Pillow has none of AVIF
FORMATS = [form for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF") if form in Image.OPEN]
#: With MPO, which is read as JPEG, and HEIC, which is not: whoever has such photos should hear of it.
EXTENSIONS = (*(e for e, form in ENDINGS.items() if form in (*FORMATS, "MPO")), ".heic", ".heif", ".hif")
MAX_PIXELS = 120_000_000  #: the largest image that is read: phones take up to 108 megapixels

Box = tuple[float, float, float, float]


def read_image(path: str | Path, crop: Box | None = None, size: tuple[int, int] | None = None) -> Tensor:
    """Read the (first) image of a file (``FORMATS``): uint8 ``(3, height, width)``.

    It is upright (EXIF orientation applied), in RGB, transparent pixels over white; 16 bits a channel become 8.

    Args:
        crop: ``(x1, y1, x2, y2)`` in pixels of the upright image; the whole image where None.
        size: ``(height, width)`` to scale to (antialiased, bilinear); the crop's own size, rounded, where None.
    Raises:
        ValueError: no image, a broken one, one of more than ``MAX_PIXELS`` or of 32 bits, or a crop that leaves it.
    """
    image = open_image(path, crop)
    box = crop or geometry.whole((image.height, image.width))
    height, width = size or (round(box[3] - box[1]), round(box[2] - box[0]))
    if (width, height) != image.size or crop:
        image = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def open_image(path: str | Path, crop: Box | None = None) -> Image.Image:
    """The whole image as Pillow's; otherwise as :func:`read_image`."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no image at {path}")
    try:
        image = _decoded(path)
    except Exception as error:  # over a damaged file Pillow's readers raise whatever it happens to lead to
        raise ValueError(f"{path} cannot be read as an image ({error}); remove or replace the file") from error
    if crop is not None:
        x1, y1, x2, y2 = crop
        if not (x1 < x2 and y1 < y2):
            raise ValueError(f"the crop {crop} has no area; it is (x1, y1, x2, y2) with x1 < x2 and y1 < y2")
        if x1 < 0 or y1 < 0 or x2 > image.width or y2 > image.height:
            raise ValueError(f"{path} is {image.width}x{image.height}, too small for the crop {crop}")
    return image


def _decoded(path: str | Path) -> Image.Image:
    with open(path, "rb") as file:  # given a path, Pillow would map some turned TIFFs into memory in the wrong shape
        try:
            image = Image.open(file, formats=FORMATS)
        except PIL.UnidentifiedImageError:
            file.seek(4)
            if file.read(4) == b"ftyp":
                raise ValueError("it is a HEIC or damaged AVIF photo, or a film: export it as JPEG") from None
            raise ValueError(f"it is empty, damaged, or none of {', '.join(FORMATS)}") from None
        if image.width * image.height > MAX_PIXELS:
            limit = f"at most {MAX_PIXELS // 10**6} megapixels are read"
            raise ValueError(f"it has {image.width}x{image.height} pixels, and {limit}: make it smaller")
        ImageFile.LOAD_TRUNCATED_IMAGES = False  # half an image is an error, whatever another library has set
        image.load()
        file.seek(0)
        if image.format == "PNG" and b"IEND" not in file.read():  # of a PNG alone Pillow does not ask for the end
            raise ValueError("image file is truncated")
    with suppress(Exception):  # of damaged EXIF data, as many kinds; the image itself is whole
        ImageOps.exif_transpose(image, in_place=True)
    return _to_rgb(image)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        if not (image.mode.startswith("I;16") or image.format in ("PNG", "PPM")):  # of these Pillow may say I
            raise ValueError("it has 32 bits a pixel, and nothing states which is white: export it with 8 or 16")
        image = Image.fromarray((np.asarray(image, np.float32) / 257).round().astype(np.uint8))  # Pillow would cut
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        over = image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(over, mask=over)
    return image.convert("RGB")


def resized(images: Tensor, size: tuple[int, int] | None) -> Tensor:
    """Images uint8 ``(N, 3, H, W)`` scaled to ``(height, width)``, antialiased; as they are where None or the same."""
    if size is None or tuple(images.shape[2:]) == tuple(size):
        return images
    scaled = F.interpolate(images.float(), size, mode="bilinear", antialias=True, align_corners=False)
    return scaled.round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True)
class FileReader:
    """A :data:`~dlsfaces.data.records.Reader` of files, by a few threads."""

    paths: Sequence[Path]
    boxes: Sequence[Box]  # the part of each image that is shown
    size: tuple[int, int]

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        with ThreadPoolExecutor(4) as pool:
            read = pool.map(lambda i: read_image(self.paths[i], self.boxes[i], size or self.size), indices)
            return torch.stack(list(read))


def middle(shape: tuple[int, int], size: tuple[int, int]) -> Box:
    """The largest box of the proportions of ``size`` in the middle of an image of ``shape``, both (height, width)."""
    scale = min(shape[0] / size[0], shape[1] / size[1])
    x, y = (round((shape[k] - scale * size[k]) / 2, 3) + 0.0 for k in (1, 0))  # never -0.0
    return x, y, shape[1] - x, shape[0] - y


def list_images(folder: Path) -> list[Path]:
    """The image files of a folder, ordered by name, without hidden ones (macOS's ``._x.jpg``)."""
    return told_apart(folder)[0]


def told_apart(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Image files (by their endings), folders, and the rest; nothing hidden."""
    kinds: tuple[list[Path], list[Path], list[Path]] = ([], [], [])
    try:
        found = sorted((p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))), key=by_name)
    except OSError as error:
        raise ValueError(f"{folder} cannot be listed ({error}); make it readable") from error
    for path in found:
        kinds[0 if path.suffix.lower() in EXTENSIONS else 1 if os.path.isdir(path) else 2].append(path)
    return kinds


def by_name(path: Path) -> tuple[str, str]:
    """A key to sort by: the name as people read it, whichever way its accents are stored."""
    return composed(path.name), path.name


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC): macOS hands out accents and й as two characters, others as one."""
    return unicodedata.normalize("NFC", name)


def readable(paths: Sequence[Path], folder: Path, name: str, crop: Box | None = None) -> dict[Path, tuple[int, int]]:
    """Those images among ``paths`` that :func:`read_image` does not refuse, and their (height, width).

    Every image is decoded whole, since a truncated JPEG shows only then. The cache folder keeps the answer until a file
    changes its size or date. A log warning counts the others; where they are most or all, a ValueError.
    """
    memory = cache_folder() / f"looked-at-{_digest((os.path.abspath(folder), name, crop))}.json"
    found = {path: os.stat(path) for path in paths if os.path.exists(path)}
    states = [(str(p), found[p].st_size, found[p].st_mtime_ns) if p in found else (str(p), -1, -1) for p in paths]
    listing = _digest([PIL.__version__, *states])
    answers = None
    with suppress(OSError, ValueError, KeyError, TypeError):  # nothing remembered yet, or damaged
        known = json.loads(memory.read_text())
        answers = known["answers"] if known["listing"] == listing else None
    if answers is None:
        with ThreadPoolExecutor(4) as pool:
            coming = pool.map(lambda path: _shape_or_reason(path, crop), paths)
            answers = list(tqdm(coming, f"checking {name}", len(paths), unit=" images", leave=False, delay=2))
        try:
            memory.parent.mkdir(parents=True, exist_ok=True)  # half a file would only have all images checked again
            memory.write_text(json.dumps({"listing": listing, "answers": answers}))
        except OSError as error:
            log.warning("%s cannot be written (%s); the next load checks all images again", memory, error)
    if reasons := [answer for answer in answers if isinstance(answer, str)]:
        said = "\n  ".join([*reasons[:3], f"and {len(reasons) - 3} more"][: len(reasons)])
        message = f"{name}: {len(reasons)} of {len(paths)} images cannot be read"
        if len(reasons) == len(paths) or (len(paths) >= 10 and len(reasons) > len(paths) / 2):
            advice = f"so {folder} is probably another folder than meant, or half a copy; name the right one or copy it"
            raise ValueError(f"{message}, {advice} again:\n  {said}")
        log.warning("%s; they are left out:\n  %s", message, said)
    return {path: (answer[0], answer[1]) for path, answer in zip(paths, answers) if not isinstance(answer, str)}


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def _shape_or_reason(path: Path, crop: Box | None) -> tuple[int, int] | str:
    """An image's (height, width), or why it cannot be read."""
    try:
        image = open_image(path, crop)
        return image.height, image.width
    except (OSError, ValueError) as error:
        return str(error)
