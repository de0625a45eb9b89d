"""Photos as cameras, phones, editors and scanners write them, and files that are none."""

import io
import os
import struct
import time
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

from dlsfaces.data.decoding import decode
from dlsfaces.data.photos import FileReader, list_photos, read_photo

FORMATS = ("jpeg", "png", "webp", "gif", "bmp", "tiff")


def gradient(height=6, width=4):
    y, x = np.mgrid[:height, :width]
    return np.stack([y * 20, x * 40, y * 0 + 7], -1).astype(np.uint8)


def noise(height=64, width=64):
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


def encoded(image, form, **options):
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, form, **options)
    return file.getvalue()


def save(tmp_path, array, name="a.png", **options):
    Image.fromarray(array).save(tmp_path / name, **options)
    return tmp_path / name


def write(tmp_path, data, name="a.bin"):
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


def pixels(path):
    """As numpy sees it: (height, width, 3)."""
    return read_photo(path).permute(1, 2, 0).numpy()


def png(rows, bits, colour, width, height, *, before=b""):
    """A PNG written from its specification; ``before`` the pixels may come other chunks."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    more = b"".join(chunk(before[i][0], before[i][1]) for i in range(len(before))) if before else b""
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + header + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(array, *, order="<"):
    """An uncompressed TIFF of whole numbers of 16 or 32 bits, or floats, written from its specification."""
    height, width, channels = array.shape
    bits, form = array.dtype.itemsize * 8, {"u": 1, "i": 2, "f": 3}[array.dtype.kind]
    content = array.astype(array.dtype.newbyteorder(order)).tobytes()
    tags = {256: width, 257: height, 259: 1, 262: 2 if channels == 3 else 1, 277: channels, 278: height}
    tags |= {273: 8, 279: len(content), 258: bits, 339: form}
    extra = 8 + len(content) + 2 + 12 * len(tags) + 4  # where three 16-bit values go that do not fit into an entry
    directory = b""
    for tag, value in sorted(tags.items()):
        if tag in (258, 339) and channels == 3:
            directory += struct.pack(f"{order}HHII", tag, 3, 3, extra + (6 if tag == 339 else 0))
        else:
            directory += struct.pack(f"{order}HHII", tag, 4, 1, value)
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8 + len(content))
    directory = struct.pack(f"{order}H", len(tags)) + directory + bytes(4)
    return start + content + directory + struct.pack(f"{order}6H", bits, bits, bits, form, form, form)


# What becomes of every kind of pixel


@pytest.mark.parametrize("form", ["png", "bmp", "tiff", "gif"])
def test_colours_come_back_as_they_were(tmp_path, form):
    image = read_photo(write(tmp_path, encoded(gradient(), form)))
    assert image.dtype == torch.uint8 and torch.equal(image, torch.from_numpy(gradient()).permute(2, 0, 1))


def test_lossless_webp_comes_back_as_it_was(tmp_path):
    assert (pixels(write(tmp_path, encoded(gradient(), "webp", lossless=True))) == gradient()).all()


@pytest.mark.parametrize("form", ["jpeg", "png", "bmp", "tiff", "gif"])
def test_grey_becomes_three_equal_channels(tmp_path, form):
    grey = np.full((8, 8), 90, np.uint8)
    assert (pixels(write(tmp_path, encoded(grey, form))) == 90).all()


@pytest.mark.parametrize("form", ["png", "bmp", "tiff", "gif"])
def test_one_bit_becomes_black_and_white(tmp_path, form):
    bits = np.array([[True, False, True], [False, False, True]])
    assert (pixels(write(tmp_path, encoded(Image.fromarray(bits), form))) == bits[..., None] * 255).all()


@pytest.mark.parametrize("form", ["png", "webp", "tiff"])
def test_transparent_pixels_are_laid_over_white(tmp_path, form):
    image = np.full((3, 2, 4), (200, 100, 0, 255), np.uint8)
    image[1, :, 3], image[2, :, 3] = 0, 51  # the second row hides its colours, of the third a fifth shows
    options = {"lossless": True, "exact": True} if form == "webp" else {}
    got = pixels(write(tmp_path, encoded(image, form, **options)))
    assert got[:, 0].tolist() == [[200, 100, 0], [255, 255, 255], [244, 224, 204]]


def test_transparent_grey_is_laid_over_white(tmp_path):
    image = Image.fromarray(np.array([[10, 10]], np.uint8)).convert("LA")
    image.putpixel((1, 0), (10, 0))
    assert pixels(write(tmp_path, encoded(image, "png")))[0, :, 0].tolist() == [10, 255]


@pytest.mark.parametrize(
    ("form", "transparent"), [("png", None), ("png", 1), ("png", b"\xff\0\xff"), ("gif", None), ("gif", 1)]
)
def test_palettes_with_and_without_transparency(tmp_path, form, transparent):
    image = Image.new("P", (3, 1))
    image.putdata([0, 1, 2])
    image.putpalette([9, 8, 7, 60, 50, 40, 3, 2, 1])
    options = {} if transparent is None else {"transparency": transparent}
    got = pixels(write(tmp_path, encoded(image, form, **options)))[0].tolist()
    assert got == [[9, 8, 7], [60, 50, 40] if transparent is None else [255] * 3, [3, 2, 1]]


def test_a_png_with_one_transparent_colour(tmp_path):
    rgb = png([bytes([1, 2, 3, 4, 5, 6])], 8, 2, 2, 1, before=[(b"tRNS", struct.pack(">HHH", 4, 5, 6))])
    assert pixels(write(tmp_path, rgb)).tolist() == [[[1, 2, 3], [255, 255, 255]]]
    grey = png([struct.pack(">HH", 25700, 40000)], 16, 0, 2, 1, before=[(b"tRNS", struct.pack(">H", 40000))])
    assert pixels(write(tmp_path, grey))[0, :, 0].tolist() == [100, 255]


def test_cmyk_is_ink(tmp_path):
    ink = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 255, 0], [0, 0, 0, 255], [51, 102, 0, 128]]], np.uint8)
    light = (255 - ink[..., :3].astype(float)) * (255 - ink[..., 3:]) / 255
    assert np.abs(pixels(write(tmp_path, encoded(Image.fromarray(ink, "CMYK"), "tiff"))) - light).max() <= 1


def test_jpegs_of_adobe_hold_cmyk_inverted(tmp_path):
    ink = np.full((16, 16, 4), (200, 100, 0, 50), np.uint8)
    data = encoded(Image.fromarray(ink, "CMYK"), "jpeg", quality=100)
    assert b"Adobe" in data and Image.open(io.BytesIO(data)).mode == "CMYK"
    light = (255 - ink[0, 0, :3].astype(float)) * (255 - 50) / 255
    assert np.abs(pixels(write(tmp_path, data)) - light).max() <= 3


def test_sixteen_bits_of_grey_are_scaled(tmp_path):
    values = np.array([[0, 257, 25700, 65535]], np.uint16)
    expected = [0, 1, 100, 255]
    assert pixels(save(tmp_path, values, "deep.png"))[0, :, 1].tolist() == expected
    for order in "<>":
        assert pixels(write(tmp_path, tiff(values[..., None], order=order)))[0, :, 1].tolist() == expected
    dark = write(tmp_path, tiff(values[:, :2, None]))
    assert pixels(dark)[0, :, 1].tolist() == [0, 1]  # a dark photo stays dark


def test_sixteen_bits_of_colour_are_scaled(tmp_path):
    values = np.array([[[0, 25700, 65535], [51400, 257, 128]]], np.uint16)
    expected = [[[0, 100, 255], [200, 1, 0]]]
    row = [values.astype(">u2").tobytes()]
    assert pixels(write(tmp_path, png(row, 16, 2, 2, 1))).tolist() == expected
    assert pixels(write(tmp_path, tiff(values))).tolist() == expected
    with_alpha = np.concatenate([values, np.array([[[65535], [0]]], np.uint16)], -1).astype(">u2").tobytes()
    assert pixels(write(tmp_path, png([with_alpha], 16, 6, 2, 1))).tolist() == [[expected[0][0], [255] * 3]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 100, 255], np.int32), [0, 100, 255]),
        (np.array([0, 25700, 65535], np.int32), [0, 100, 255]),
        (np.array([-5, 2**30, 2**31 - 1], np.int32), [0, 128, 255]),
        (np.array([0, 0.2, 1], np.float32), [0, 51, 255]),
        (np.array([0, 100, 200], np.float32), [0, 100, 200]),
        (np.array([np.nan, -np.inf, 1], np.float32), [0, 0, 255]),
        (np.array([0, 0, 0], np.float32), [0, 0, 0]),
        (np.array([-3, 0, 1e30], np.float32), [0, 0, 255]),
    ],
)
def test_thirty_two_bits_are_scaled_by_the_usual_white_that_holds_them(tmp_path, values, expected):
    assert pixels(write(tmp_path, tiff(values.reshape(1, 3, 1))))[0, :, 2].tolist() == expected


@pytest.mark.parametrize("form", ["gif", "png", "webp", "tiff"])
def test_of_several_pictures_the_first_is_read(tmp_path, form):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    path = write(tmp_path, encoded(frames[0], form, save_all=True, append_images=frames[1:]))
    assert np.abs(pixels(path).astype(int) - [255, 0, 0]).max() < 8


def test_a_phones_file_of_two_jpegs_is_read(tmp_path):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    data = encoded(frames[0], "mpo", save_all=True, append_images=frames[1:])
    assert np.abs(pixels(write(tmp_path, data)).astype(int) - [255, 0, 0]).max() < 8


# Upright

UPRIGHT = {  # EXIF 2.3, tag 0x0112: which side of the stored picture is the top, and which is the left
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_every_exif_orientation(tmp_path, form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = pixels(write(tmp_path, encoded(gradient(24, 16), form)))
    turned = pixels(write(tmp_path, encoded(gradient(24, 16), form, exif=exif)))
    assert (turned == UPRIGHT[orientation](stored)).all()


def test_deep_grey_is_turned_too(tmp_path):
    values = np.arange(6, dtype=np.uint16).reshape(2, 3) * 257
    exif = Image.Exif()
    exif[0x0112] = 6
    assert (pixels(save(tmp_path, values, exif=exif))[..., 0] == UPRIGHT[6](values // 257)).all()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*" + b"\xff" * 40])
def test_damaged_exif_does_not_cost_the_photo(tmp_path, exif):
    assert read_photo(write(tmp_path, encoded(gradient(8, 8), "jpeg", exif=exif))).shape == (3, 8, 8)


# Crops


def test_crop_and_size(tmp_path):
    path = save(tmp_path, gradient(40, 30))
    whole = read_photo(path)
    assert torch.equal(read_photo(path, (5, 10, 25, 30)), whole[:, 10:30, 5:25])
    assert read_photo(path, (5, 10, 25, 30), (10, 5)).shape == (3, 10, 5)
    with pytest.raises(ValueError, match=r"a\.png is 30x40, too small for the crop"):
        read_photo(path, (5, 10, 31, 30))
    with pytest.raises(ValueError, match=r"crop \(5, 10, 5, 30\) has no area"):
        read_photo(path, (5, 10, 5, 30))


# What is no photo


def test_broken_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no photo at .*missing\.jpg"):
        read_photo(tmp_path / "missing.jpg")
    with pytest.raises(ValueError, match=r"text\.jpg cannot be read as an image \(it is none of JPEG, PNG"):
        read_photo(write(tmp_path, b"this is no picture", "text.jpg"))
    with pytest.raises(ValueError, match=r"empty\.jpg cannot be read as an image \(the file is empty\)"):
        read_photo(write(tmp_path, b"", "empty.jpg"))
    with pytest.raises(ValueError, match="it is a folder"):
        read_photo(tmp_path)
    with pytest.raises(ValueError, match="cannot be read as an image"):
        read_photo(tmp_path / ("long" * 1000))
    with pytest.raises(ValueError, match="cannot be read as an image"):
        read_photo("zero\0byte.jpg")


def test_a_photo_from_an_iphone_is_refused_with_the_way_out(tmp_path):
    heic = write(tmp_path, b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(100), "IMG_1.HEIC")
    with pytest.raises(ValueError, match=r"IMG_1\.HEIC .*HEIC.*export it as JPEG"):
        read_photo(heic)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ValueError, match="no ordinary file"):
        read_photo(tmp_path / "pipe.jpg")


@pytest.mark.parametrize("data", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"P6 1 1 255\nabc", b"<svg/>"])
def test_other_formats_are_refused_whatever_the_name(tmp_path, data):
    with pytest.raises(ValueError, match="none of JPEG"):
        read_photo(write(tmp_path, data, "a.jpg"))


def cut_short(form):
    whole = encoded(noise(), form)
    return [whole[: round(len(whole) * part)] for part in (0.02, 0.1, 0.5, 0.9)] + [whole[:-9]]


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_cut_short_is_refused(tmp_path, form):
    for data in cut_short(form):
        with pytest.raises(ValueError, match=r"half\.jpg cannot be read as an image"):
            read_photo(write(tmp_path, data, "half.jpg"))


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_cut_short_is_refused_even_where_pillow_was_told_to_take_it(tmp_path, form, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert (pixels(write(tmp_path, encoded(noise(), "png"))) == noise()).all()
    for data in cut_short(form):
        with pytest.raises(ValueError, match=r"half\.jpg cannot be read as an image"):
            read_photo(write(tmp_path, data, "half.jpg"))


# Too much


def claiming(form, width, height):
    """A small file whose header says that it is a large picture."""
    if form == "png":
        return png([], 8, 2, width, height)
    data = bytearray(encoded(gradient(8, 8), form, **({"lossless": True} if form == "webp" else {})))
    if form == "gif":
        data[6:10] = struct.pack("<HH", width, height)
    if form == "bmp":
        data[18:26] = struct.pack("<ii", width, height)
    if form == "webp":
        data[21:25] = struct.pack("<I", (width - 1 & 0x3FFF) | (height - 1 & 0x3FFF) << 14)
    if form == "jpeg":
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    if form == "tiff":
        for tag, value in ((256, width), (257, height)):
            at = (
                data.index(struct.pack("<HH", tag, 4))
                if struct.pack("<HH", tag, 4) in data
                else data.index(struct.pack("<HH", tag, 3))
            )
            data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, value)
    return bytes(data)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "size", [(12_000, 11_000), (16_000, 15_000)]
)  # where Pillow itself warns, and where it refuses
def test_bombs_are_refused_by_the_header(tmp_path, form, size, monkeypatch):
    for pillow in (None, Image.MAX_IMAGE_PIXELS):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillow)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            start = time.process_time()
            with pytest.raises(ValueError, match=r"bomb\.png cannot be read.*pixels.*make it smaller"):
                read_photo(write(tmp_path, claiming(form, *size), "bomb.png"))
            assert time.process_time() - start < 0.5


@pytest.mark.parametrize("form", FORMATS)
def test_the_limit_is_not_pillows(tmp_path, form, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64 // 2 if form == "webp" else 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_photo(write(tmp_path, encoded(noise(), form))).shape == (3, 64, 64)


def test_a_side_can_be_too_long(tmp_path):
    with pytest.raises(ValueError, match="says that it is 70000x1 pixels"):
        read_photo(write(tmp_path, png([], 8, 2, 70_000, 1)))


def test_a_gif_whose_picture_sticks_out_of_its_screen(tmp_path):
    data = bytearray(encoded(gradient(8, 8), "gif"))
    at = data.index(b",\0\0\0\0\x08\0\x08\0")
    assert decode(bytes(data[:6]) + struct.pack("<HH", 4, 4) + bytes(data[10:])).size == (8, 8)
    data[at + 5 : at + 9] = struct.pack("<HH", 10_000, 9_500)  # of these Pillow warns
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="says that it is 10000x9500 pixels"):
            decode(bytes(data))


def test_a_jpeg_may_not_go_over_its_pixels_without_end(monkeypatch):
    whole = encoded(noise(), "jpeg", progressive=True)
    at = whole.rindex(b"\xff\xda")
    bomb = whole[:at] + whole[at:-2] * 500 + b"\xff\xd9" + whole  # more after the end, as phones append a film
    assert decode(bomb).size == (64, 64)  # a small picture takes no time
    monkeypatch.setattr("dlsfaces.data.decoding.MAX_SCANS", 508 * 64 * 64 / 120_000_000)
    with pytest.raises(ValueError, match="goes over its 64x64 pixels 509 times"):
        decode(bomb)
    monkeypatch.setattr("dlsfaces.data.decoding.MAX_SCANS", 509 * 64 * 64 / 120_000_000)
    assert decode(bomb).size == (64, 64)


def bmp_of_runs(width, height):
    packed = b"".join(bytes([width, y]) + b"\0\0" for y in range(height)) + b"\0\1"
    palette = b"".join(bytes([i, 0, i, 0]) for i in range(256))
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(packed), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(packed), 0, 0, 1078) + header + palette + packed


def test_a_bmp_packed_in_runs(monkeypatch):
    image = np.array(decode(bmp_of_runs(5, 3)))
    assert image[:, 0].tolist() == [[2, 0, 2], [1, 0, 1], [0, 0, 0]] and image.shape == (3, 5, 3)  # the last row first
    monkeypatch.setattr("dlsfaces.data.decoding.MAX_RUN_PIXELS", 14)
    with pytest.raises(ValueError, match="says that it is 5x3 pixels"):
        decode(bmp_of_runs(5, 3))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_metadata_cannot_unpack_without_bound(kind):
    start = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}[kind]
    data = png([b"abc"], 8, 2, 1, 1, before=[(kind, start + zlib.compress(bytes(40 * 2**20)))])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"(?i)too large"):
            decode(data)
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()


# Readers


def test_readers_keep_the_order(tmp_path):
    paths = [save(tmp_path, np.full((4, 4, 3), i, np.uint8), f"{i}.png") for i in range(9)]
    (tmp_path / "notes.txt").write_text("no photo")
    assert list_photos(tmp_path) == paths
    assert FileReader(paths, None)([7, 2, 5], None)[:, 0, 0, 0].tolist() == [7, 2, 5]


def test_photos_are_told_by_extension_and_hidden_files_left_out(tmp_path):
    for name in ("1.jpg", "1.JPG", "1.png", "2.Jpeg", "3.HEIC", "._1.jpg", ".DS_Store", "Thumbs.db", "a.txt", "jpg"):
        (tmp_path / name).touch()
    assert sorted({p.name for p in list_photos(tmp_path)}) == ["1.JPG", "1.jpg", "1.png", "2.Jpeg", "3.HEIC"]
    with pytest.raises(ValueError, match="cannot be listed"):
        list_photos(tmp_path / "missing")
