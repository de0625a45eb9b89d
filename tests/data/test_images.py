"""Images as cameras, phones, editors and scanners write them, files that are none, and sets with broken ones."""

import io
import logging
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

from dlsfaces.data import images
from dlsfaces.data.images import FileReader, list_images, read_image, readable

FORMATS = [form.lower() for form in images.FORMATS]


def gradient(height=6, width=4):
    y, x = np.mgrid[:height, :width]
    return np.stack([y * 8, x * 12, y * 0 + 7], -1).astype(np.uint8)


def noise(height=64, width=64):
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


def encoded(image, form, **options):
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, form, **options)
    return file.getvalue()


def write(folder, content, name="a.bin"):
    (folder / name).write_bytes(content)
    return folder / name


@pytest.fixture
def pixels(tmp_path):
    """What an image becomes when it is written in a format and read: (height, width, 3)."""

    def read(image, form=None, **options):
        content = image if form is None else encoded(image, form, **options)
        return read_image(write(tmp_path, content)).permute(1, 2, 0).numpy()

    return read


def png(rows, bits, colour, width, height):
    """A PNG written from its specification, for what Pillow does not write."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# --- what becomes of every kind of pixel


@pytest.mark.parametrize("form", ["png", "bmp", "tiff", "gif", "webp", "ppm"])
def test_colours_come_back_as_they_were(pixels, form):
    assert (pixels(gradient(), form, **({"lossless": True} if form == "webp" else {})) == gradient()).all()


@pytest.mark.parametrize("form", ["jpeg", "png", "bmp", "tiff", "gif", "ppm"])
def test_grey_and_black_and_white(pixels, form):
    assert (pixels(np.full((8, 8), 90, np.uint8), form) == 90).all()
    if form != "jpeg":
        bits = np.array([[True, False, True], [False, False, True]])
        assert (pixels(bits, form) == bits[..., None] * 255).all()


@pytest.mark.parametrize("form", ["png", "webp", "tiff"])
def test_transparent_pixels_are_laid_over_white(pixels, form):
    image = np.full((3, 2, 4), (200, 100, 0, 255), np.uint8)
    image[1, :, 3], image[2, :, 3] = 0, 51  # the second row hides its colours, of the third a fifth shows
    got = pixels(image, form, **({"lossless": True, "exact": True} if form == "webp" else {}))
    assert got[:, 0].tolist() == [[200, 100, 0], [255, 255, 255], [244, 224, 204]]


@pytest.mark.parametrize(
    ("form", "transparent"), [("png", None), ("png", 1), ("png", b"\xff\0\xff"), ("gif", None), ("gif", 1)]
)
def test_palettes_with_and_without_transparency(pixels, form, transparent):
    image = Image.new("P", (3, 1))
    image.putdata([0, 1, 2])
    image.putpalette([9, 8, 7, 60, 50, 40, 3, 2, 1])
    got = pixels(image, form, **({} if transparent is None else {"transparency": transparent}))[0].tolist()
    assert got == [[9, 8, 7], [60, 50, 40] if transparent is None else [255] * 3, [3, 2, 1]]


def test_cmyk_is_ink_also_in_adobes_inverted_jpegs(pixels):
    ink = np.full((16, 16, 4), (200, 100, 0, 50), np.uint8)
    light = (255 - ink[..., :3].astype(float)) * (255 - ink[..., 3:]) / 255
    for form, options in (("tiff", {}), ("jpeg", {"quality": 100})):
        assert np.abs(pixels(Image.fromarray(ink, "CMYK"), form, **options) - light).max() <= 3


def test_sixteen_bits_are_scaled(pixels):
    values = np.array([[0, 257, 25700, 65535]], np.uint16)
    for form in ("png", "tiff"):
        assert pixels(values, form)[0, :, 1].tolist() == [0, 1, 100, 255]
    assert pixels(values[:, :2], "tiff")[0, :, 1].tolist() == [0, 1]  # a dark image stays dark
    assert pixels(b"P5 2 1 65535\n" + values[:, :2].byteswap().tobytes())[0, :, 1].tolist() == [0, 1]  # a PGM
    colours = np.array([[[0, 25700, 65535, 65535], [51400, 257, 128, 0]]], ">u2")
    assert pixels(png([colours[..., :3].tobytes()], 16, 2, 2, 1)).tolist() == [[[0, 100, 255], [200, 1, 0]]]
    assert pixels(png([colours.tobytes()], 16, 6, 2, 1)).tolist() == [[[0, 100, 255], [255] * 3]]


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_thirty_two_bits_whose_white_nobody_knows_are_refused(pixels, kind):
    with pytest.raises(ValueError, match=r"a\.bin .*32 bits a pixel.* export it with 8 or 16"):
        pixels(np.zeros((2, 2), kind), "tiff")


@pytest.mark.parametrize("form", ["gif", "png", "webp", "tiff", "mpo"])
def test_of_several_images_the_first_is_read(pixels, form):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    got = pixels(frames[0], form, save_all=True, append_images=frames[1:])
    assert np.abs(got.astype(int) - [255, 0, 0]).max() < 8


UPRIGHT = {  # EXIF 2.3, tag 0x0112: which side of the stored image is the top, and which is the left
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
def test_every_exif_orientation(pixels, form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    kinds = [gradient(24, 16)]
    if form in ("png", "tiff"):
        kinds += [kinds[0][..., 0].astype(np.uint16) * 257, np.dstack([kinds[0], np.full((24, 16), 255, np.uint8)])]
    for image in kinds:
        assert (pixels(image, form, exif=exif) == UPRIGHT[orientation](pixels(image, form))).all()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*" + b"\xff" * 40])
def test_damaged_exif_does_not_cost_the_image(pixels, exif):
    assert pixels(gradient(8, 8), "jpeg", exif=exif).shape == (8, 8, 3)


def test_crop_and_size(tmp_path):
    path = write(tmp_path, encoded(gradient(40, 30), "png"), "a.png")
    whole = read_image(path)
    assert whole.dtype == torch.uint8 and torch.equal(read_image(path, (5, 10, 25, 30)), whole[:, 10:30, 5:25])
    assert read_image(path, (5, 10, 25, 30), (10, 5)).shape == (3, 10, 5)
    with pytest.raises(ValueError, match=r"a\.png is 30x40, too small for the crop"):
        read_image(path, (5, 10, 31, 30))
    with pytest.raises(ValueError, match=r"crop \(5, 10, 5, 30\) has no area"):
        read_image(path, (5, 10, 5, 30))


# --- what is no image


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty, damaged, or none of JPEG"),
        (b"this is no image", "none of JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "none of JPEG"),  # Pillow would run another program
        (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(100), "HEIC .* export it as JPEG"),
        (png([], 8, 2, 20_000, 6_001), "20000x6001 pixels, and at most 120 megapixels"),
        (png([], 8, 2, 20_000, 20_000), "400000000 pixels"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_no_image_is_named(tmp_path, content, why):
    with pytest.raises(ValueError, match=rf"a\.jpg cannot be read as an image \(.*{why}"):
        read_image(write(tmp_path, content, "a.jpg"))


def test_names_that_are_no_files(tmp_path):
    with pytest.raises(ValueError, match=r"cannot be read as an image .*directory"):
        read_image(tmp_path)
    for name in ("missing.jpg", "long" * 1000, "zero\0byte.jpg"):
        with pytest.raises(FileNotFoundError, match="no image at"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("form", FORMATS)
def test_what_is_cut_short_is_refused_even_where_pillow_was_told_to_take_it(tmp_path, form, told, monkeypatch):
    whole = encoded(noise(), form)
    for content in (whole[: len(whole) // 50], whole[: len(whole) // 2], whole[: len(whole) * 9 // 10], whole[:-9]):
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", told)
        with pytest.raises(ValueError, match=r"half\.jpg cannot be read as an image"):
            read_image(write(tmp_path, content, "half.jpg"))


# --- folders and sets


def test_readers_keep_the_order(tmp_path):
    paths = [write(tmp_path, encoded(np.full((4, 4, 3), i, np.uint8), "png"), f"{i}.png") for i in range(9)]
    assert FileReader(paths, [(0, 0, 4, 4)] * 9, (4, 4))([7, 2, 5], None)[:, 0, 0, 0].tolist() == [7, 2, 5]


def test_images_are_told_by_extension_and_hidden_files_left_out(tmp_path):
    for name in ("1.jpg", "1.JPG", "1.png", "3.HEIC", "._1.jpg", ".DS_Store", "Thumbs.db", "a.txt", "jpg"):
        (tmp_path / name).touch()
    assert sorted({p.name for p in list_images(tmp_path)}) == ["1.JPG", "1.jpg", "1.png", "3.HEIC"]
    with pytest.raises(ValueError, match="cannot be listed"):
        list_images(tmp_path / "missing")


@pytest.fixture
def set_of_twelve(tmp_path, monkeypatch):
    """Twelve sound images; ``check.opened`` counts those that are looked at."""
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "images"
    folder.mkdir()
    paths = [write(folder, encoded(noise(20, 20), "jpeg"), f"{n:02d}.jpg") for n in range(12)]
    opened, real = [], images.open_image
    monkeypatch.setattr(images, "open_image", lambda path, crop: (opened.append(path), real(path, crop))[1])

    def check(some=paths, crop=None):
        opened.clear()
        return set(some) - readable(some, folder, "mine/train", crop).keys()

    return paths, check, opened


def test_broken_images_are_said_and_remembered(set_of_twelve, caplog):
    paths, check, opened = set_of_twelve
    assert check() == set() and len(opened) == 12
    paths[0].write_bytes(paths[0].read_bytes()[:-100])
    paths[1].write_text("no image")
    paths[2].unlink()
    paths[3].unlink()
    paths[3].symlink_to("nowhere.jpg")
    for looked_at in (12, 0):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert check() == set(paths[:4]) and len(opened) == looked_at
        assert "mine/train: 4 of 12 images cannot be read; they are left out" in caplog.text
        assert "00.jpg" in caplog.text and "and 1 more" in caplog.text
    write(paths[0].parent, encoded(noise(20, 20), "jpeg"), "00.jpg")
    assert check() == set(paths[1:4])
    assert check(crop=(0, 0, 19, 19)) == set(paths[1:4])
    Image.new("RGB", (9, 9)).save(paths[5])
    assert check(crop=(0, 0, 19, 19)) == {*paths[1:4], paths[5]}


def test_mostly_broken_is_an_error(set_of_twelve):
    paths, check, _ = set_of_twelve
    for path in paths[:7]:
        path.unlink()
    with pytest.raises(ValueError, match=r"7 of 12 images cannot be read.*images is probably another folder"):
        check()
    assert check(paths[3:]) == set(paths[3:7])  # of nine, four
    with pytest.raises(ValueError, match="2 of 2 images"):
        check(paths[:2])


def test_a_cache_that_is_damaged_or_cannot_be_written_costs_only_time(set_of_twelve, tmp_path, caplog):
    _, check, opened = set_of_twelve
    check()
    next((tmp_path / "cache").glob("looked-at-*.json")).write_text("[]")
    assert check() == set() and len(opened) == 12
    next((tmp_path / "cache").glob("looked-at-*.json")).unlink()
    (tmp_path / "cache").rmdir()
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert check() == check() == set() and len(opened) == 12
    assert "cannot be written" in caplog.text
