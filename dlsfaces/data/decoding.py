"""From the bytes of a photo to an upright RGB picture, or to the reason why there is none.

Only Pillow's readers of the common raster formats see a file, each called by the file's first bytes; nothing here runs
another program. Of an animation or a file of several pictures the first counts. Colour profiles (ICC) are ignored: the
numbers are taken for sRGB, as nearly all sets of faces are.
"""

from __future__ import annotations

import io
import re
import struct

import numpy as np
from PIL import ExifTags, Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

MAX_PIXELS = 120_000_000  #: the largest photo that is read: phones take up to 108 megapixels
MAX_GIF_PIXELS = 89_000_000  #: of a GIF's frame Pillow says in a warning of its own that it is larger than this
MAX_RUN_PIXELS = 10_000_000  #: of a BMP packed in runs, which Pillow unpacks a byte at a time
MAX_SCANS = (
    100  #: how often a JPEG of ``MAX_PIXELS`` may go over its pixels, a smaller one more; honest ones do ten times
)
MAX_SIDE = 65_535  #: pixels, what a JPEG can have at most; some damage a side further costs gigabytes
BACKGROUND = "white"  #: what shows through where a picture is transparent

#: How a file of each kind begins, and its reader. A WebP's first four bytes are its container's.
_READERS: tuple[tuple[bytes, type[ImageFile.ImageFile]], ...] = (
    (b"\xff\xd8\xff", JpegImageFile),  # MPO too, the phones' file of several JPEGs: the first is read
    (b"\x89PNG\r\n\x1a\n", PngImageFile),
    (b"GIF8", GifImageFile),
    (b"BM", BmpImageFile),
    (b"RIFF", WebPImageFile),
    *((start, TiffImageFile) for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
)
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]", re.DOTALL)  # of those that a length follows, and the end
_EIGHT_OF_SIXTEEN = ((np.arange(65536) + 128) // 257).astype(np.uint8)  # 65535 is white, as 255 is
_PNG_END = b"IEND\xaeB`\x82"
_TURNS = {  # by the EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(data: bytes) -> Image.Image:
    """The picture in a file's bytes: the EXIF orientation applied, in RGB, 8 bits a channel.

    Transparent pixels are laid over white. 16 bits a channel become 8 (65535 is white); 32-bit pixels, whose white
    nothing states, are scaled by the smallest usual white that holds the brightest: 1 (floats only), 255, 65535 or
    2**31 - 1.

    Raises:
        ValueError: no picture of a kind that is read, a truncated or broken one, or one of more than ``MAX_PIXELS``
            pixels or ``MAX_SIDE`` a side or beyond another limit above (told from the header, before it is decoded).
            The message is the reason alone; the caller knows the file's name.
    """
    reader = _reader(data)
    try:
        _refuse_bomb(_claimed_size(data), MAX_GIF_PIXELS if reader is GifImageFile else MAX_PIXELS)
        opened = reader((_StrictFile if ImageFile.LOAD_TRUNCATED_IMAGES else io.BytesIO)(data))
        in_runs = any(tile[0] == "bmp_rle" for tile in opened.tile)
        _refuse_bomb(opened.size, MAX_RUN_PIXELS if in_runs else MAX_PIXELS)
        if reader is JpegImageFile:
            _refuse_many_scans(data, opened.size)
        if reader is PngImageFile and _PNG_END not in data:  # of a PNG alone Pillow does not ask for the end
            raise ValueError("image file is truncated")
        _load(opened)
        image = _to_rgb(opened)
        turn = _TURNS.get(_orientation(opened))
        return image if turn is None else image.transpose(turn)
    except Exception as error:  # Pillow's readers raise what a damaged file happens to lead to, of any kind
        raise ValueError(str(error) or type(error).__name__) from error


class _StrictFile(io.BytesIO):
    """Bytes as a file whose end is an error while pixels are read.

    Pillow goes on with half a picture where another library has set ``ImageFile.LOAD_TRUNCATED_IMAGES``, which holds
    for the whole process. (What it then still lets through is a file of full length that a decoder gives up on.)
    """

    decoding = False

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        if not block and size != 0 and self.decoding:
            raise OSError("image file is truncated")
        return block


def _reader(data: bytes) -> type[ImageFile.ImageFile]:
    if not data:
        raise ValueError("the file is empty")
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif"):
        raise ValueError("it is a HEIC or AVIF photo, as iPhones take them: export it as JPEG")
    for start, reader in _READERS:
        if data.startswith(start) and (reader is not WebPImageFile or data[8:12] == b"WEBP"):
            return reader
    raise ValueError("it is none of JPEG, PNG, WebP, GIF, BMP and TIFF")


def _claimed_size(data: bytes) -> tuple[int, int]:
    """Width and height by the header of a GIF or a WebP, whose readers allocate or warn before they tell; or zeros."""
    if data.startswith(b"GIF8"):
        return _gif_size(data)
    kind = data[12:16] if data.startswith(b"RIFF") else b""
    if kind == b"VP8X":  # 24 bits each, less one
        return tuple(1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    if kind == b"VP8L":  # 14 bits each, less one
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return tuple(side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return 0, 0


def _gif_size(data: bytes) -> tuple[int, int]:
    """Of a GIF's screen, and of its first picture where that sticks out."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << (flags & 7) + 1 if flags & 128 else 0)  # the palette lies between
    while data[at : at + 1] not in (b",", b";", b""):
        if data[at : at + 1] == b"!":  # an extension: its kind, blocks that begin with their length, an empty one
            at += 2
            while data[at : at + 1] not in (b"\0", b""):
                at += 1 + data[at]
        at += 1
    left, top, wide, high = struct.unpack_from("<4H", data[at + 1 :] + bytes(8))
    return (max(width, left + wide), max(height, top + high)) if data[at : at + 1] == b"," else (width, height)


def _refuse_bomb(size: tuple[int, int], most: int = MAX_PIXELS) -> None:
    width, height = size
    if width * height > most or max(size) > MAX_SIDE:
        limits = f"at most {most // 10**6} megapixels and {MAX_SIDE} pixels a side are read"
        raise ValueError(f"it says that it is {width}x{height} pixels, and {limits}: make it smaller")


def _refuse_many_scans(data: bytes, size: tuple[int, int]) -> None:
    """A progressive JPEG can ask for the whole picture to be gone over again for every few bytes."""
    at, scans = 2, 0
    while (marker := _JPEG_MARKER.search(data, at)) and marker[0] != b"\xff\xd9":  # the picture's end
        at = marker.end()
        scans += marker[0] == b"\xff\xda"
        at += int.from_bytes(data[at : at + 2], "big")
    if scans * size[0] * size[1] > MAX_SCANS * MAX_PIXELS:
        raise ValueError(f"it goes over its {size[0]}x{size[1]} pixels {scans} times, more than any photo")


def _load(opened: ImageFile.ImageFile) -> None:
    if isinstance(opened, TiffImageFile):  # else Pillow measures it by a limit of its own, which any library may set
        opened.im = Image.new(opened.mode, getattr(opened, "_tile_size", opened.size)).im
    if isinstance(opened.fp, _StrictFile):
        opened.fp.decoding = True
    opened.load()


def _orientation(opened: ImageFile.ImageFile) -> int:
    """1 to 8; 1, upright, where the EXIF data are damaged: the picture itself is whole."""
    if isinstance(opened, TiffImageFile):  # Pillow has turned it while loading
        return 1
    try:
        return opened.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # as many kinds as for the pixels
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        image = _grey(image)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        over = image.convert("RGBA")
        image = Image.new("RGB", image.size, BACKGROUND)
        image.paste(over, mask=over)
    return image if image.mode == "RGB" else image.convert("RGB")


def _grey(image: Image.Image) -> Image.Image:
    """One channel of 16 or 32 bits as one of 8; Pillow would cut at 255 instead of scaling."""
    if image.mode.startswith("I;16") or image.format == "PNG":  # of a PNG, older versions of Pillow say I
        values = np.asarray(image)
        grey = _EIGHT_OF_SIXTEEN[values]
        if isinstance(key := image.info.get("transparency"), int):  # a PNG's one transparent grey
            grey[values == key] = 255
        return Image.fromarray(grey)
    values = np.array(image, dtype=np.float32)
    np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    usual = (255.0, 65535.0, 2.0**31 - 1) if image.mode == "I" else (1.0, 255.0, 65535.0, 2.0**31 - 1)
    peak = float(values.max())
    values *= 255.0 / next((white for white in usual if peak <= white), peak)
    return Image.fromarray(np.rint(values, out=values).clip(0, 255, out=values).astype(np.uint8))
