"""The sensor: each fault does what its dial says, and nothing when the dial is off."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from drawpeople import neutral_shots
from drawpeople.jpeg import compress
from drawpeople.sensor import photograph, sensor

SCALE = (1.0, 1.0, 0.0, 0.0)
OFF = {"noise": 0.0, "blur": 0.0, "shake": 0.0, "vignette": 0.0, "jpeg": 100.0, "low_resolution": 0.0}


def _shots(n: int = 1, **dials: float | list[float]) -> dict[str, Tensor]:
    dials = OFF | dials
    return neutral_shots(n) | {k: torch.as_tensor(v).float().expand(n).clone() for k, v in dials.items()}


def _photo(image: Tensor, **dials: float) -> Tensor:
    return _taken(image.clone(), _shots(len(image), **dials)).float()


def _taken(image: Tensor, shot: dict[str, Tensor]) -> Tensor:
    """With the camera set for a face that needs no gain."""
    return sensor(image, shot, SCALE, torch.full((len(image), 3), 0.55))


def _grey(light: float = 0.2, size: tuple[int, int] = (96, 80)) -> Tensor:
    return torch.full((1, 3, *size), light)


def _stripes(down: bool = False) -> Tensor:
    """Lines two pixels wide, side by side or one under the other."""
    lines = ((torch.arange(96) // 2) % 2).float() * 0.3 + 0.1
    return (lines[:, None] if down else lines).expand(1, 3, 96, 96).clone()


def test_exposure_white_balance_contrast_and_corners():
    assert _photo(_grey(), exposure=1.0).mean() > _photo(_grey()).mean() + 30
    red, _, blue = _photo(_grey(), white_balance=1.0).mean((0, 2, 3))
    assert red > blue + 10
    dark, light = _grey(0.05), _grey(0.5)
    assert _photo(light, contrast=1.4).mean() > _photo(light).mean()
    assert _photo(dark, contrast=1.4).mean() < _photo(dark).mean()
    assert _photo(_grey(0.2, (218, 178)), vignette=1.0)[0, :, 0, 0].mean() < _photo(_grey()).mean() - 20


def test_blur_goes_both_ways_and_shake_one():
    across, down = _stripes(), _stripes(down=True)
    sharp = _photo(across).std()
    assert _photo(across, blur=1.5).std() < 0.3 * sharp and _photo(down, blur=1.5).std() < 0.3 * sharp
    assert _photo(across, shake=1.5).std() < 0.3 * sharp and torch.equal(_photo(down, shake=1.5), _photo(down))
    assert _photo(down, shake=-1.5).std() < 0.3 * sharp and torch.equal(_photo(across, shake=-1.5), _photo(across))
    assert abs(_photo(_grey(), blur=2.0).mean() - _photo(_grey()).mean()) <= 1


def test_noise_has_its_size_and_is_a_cameras():
    noise = _photo(_grey(), noise=0.05)[0] - _photo(_grey())[0]
    assert 0.04 < noise.std() / 255 < 0.06 and noise.mean().abs() < 2
    red, green = noise[0].flatten(), noise[1].flatten()
    assert torch.corrcoef(torch.stack((red, green)))[0, 1] > 0.5  # the colours go up and down together
    beside = torch.corrcoef(torch.stack((noise[0, :, 1:].flatten(), noise[0, :, :-1].flatten())))[0, 1]
    assert 0.2 < beside < 0.9  # and so do neighbours
    assert not torch.equal(_photo(_grey(), noise=0.05, grain=0.1), _photo(_grey(), noise=0.05, grain=0.7))


@pytest.mark.parametrize("quality", [20, 60, 95])
def test_jpeg_is_a_real_files(quality: int):
    noise = torch.rand(2, 3, 6, 5, generator=torch.Generator().manual_seed(2)) * 255
    image = torch.nn.functional.interpolate(noise, (45, 50), mode="bicubic").clamp(0, 255).round()
    ours = compress(image, torch.full((2,), float(quality))).clamp(0, 255)
    file = io.BytesIO()
    Image.fromarray(image[1].permute(1, 2, 0).byte().numpy()).save(file, "JPEG", quality=quality)
    theirs = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float()
    assert (ours[1] - theirs).abs().mean() < 0.25 * (image[1] - theirs).abs().mean() + 0.5


def test_a_photo_of_a_photo_is_as_dark_blurred_and_noisy_as_asked_for():
    image = (255 * _stripes()[0] ** 0.5).byte()
    assert torch.equal(photograph(image), image)
    assert photograph(image, exposure=-2.0).float().mean() == pytest.approx(image.float().mean() / 2, abs=1)
    assert photograph(image, blur=2.0).float().std() < 0.3 * image.float().std()
    assert torch.equal(photograph(image, shake=-2.0), image)  # down, along the stripes
    grey = torch.full((3, 96, 96), 128, dtype=torch.uint8)
    assert 4 < photograph(grey, noise=0.02).float().std() < 6
    assert not torch.equal(photograph(image, quality=30), image)
