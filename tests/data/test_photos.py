import numpy as np
import pytest
import torch
from PIL import Image

from dlsfaces.data.photos import FileReader, list_photos, read_photo


def gradient(height=6, width=4):
    y, x = np.mgrid[:height, :width]
    return np.stack([y * 20, x * 40, y * 0 + 7], -1).astype(np.uint8)


def save(tmp_path, array, name="a.png", **options):
    Image.fromarray(array).save(tmp_path / name, **options)
    return tmp_path / name


def test_rgb_comes_back_channels_first(tmp_path):
    image = read_photo(save(tmp_path, gradient()))
    assert image.dtype == torch.uint8 and torch.equal(image, torch.from_numpy(gradient()).permute(2, 0, 1))


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    path = save(tmp_path, gradient(), "a.png", exif=exif)
    assert torch.equal(read_photo(path), torch.from_numpy(np.rot90(gradient(), -1).copy()).permute(2, 0, 1))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    name = "a.tif" if mode == "CMYK" else "a.png"
    Image.fromarray(gradient()).convert(mode).save(tmp_path / name)
    assert read_photo(tmp_path / name).shape == (3, 6, 4)


def test_sixteen_bits_are_scaled(tmp_path):
    values = np.array([[0, 257, 65535]], np.uint16)
    path = save(tmp_path, values, "deep.png")
    assert read_photo(path)[0].tolist() == [[0, 1, 255]]


def test_crop_and_size(tmp_path):
    path = save(tmp_path, gradient(40, 30))
    whole = read_photo(path)
    assert torch.equal(read_photo(path, (5, 10, 25, 30)), whole[:, 10:30, 5:25])
    assert read_photo(path, (5, 10, 25, 30), (10, 5)).shape == (3, 10, 5)
    with pytest.raises(ValueError, match=r"a\.png is 30x40, too small for the crop"):
        read_photo(path, (5, 10, 31, 30))


def test_broken_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no photo at"):
        read_photo(tmp_path / "missing.jpg")
    (tmp_path / "text.jpg").write_text("this is no picture")
    with pytest.raises(ValueError, match=r"text\.jpg cannot be read as an image"):
        read_photo(tmp_path / "text.jpg")
    whole = save(tmp_path, np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), "whole.jpg")
    (tmp_path / "half.jpg").write_bytes(whole.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"half\.jpg cannot be read as an image"):
        read_photo(tmp_path / "half.jpg")


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path, gradient(100, 100), "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"bomb\.png cannot be read"):
        read_photo(path)


def test_readers_keep_the_order(tmp_path):
    paths = [save(tmp_path, np.full((4, 4, 3), i, np.uint8), f"{i}.png") for i in range(9)]
    (tmp_path / "notes.txt").write_text("no photo")
    assert list_photos(tmp_path) == paths
    assert FileReader(paths, None)([7, 2, 5], None)[:, 0, 0, 0].tolist() == [7, 2, 5]
