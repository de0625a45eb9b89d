import math

import pytest
import torch

from dlsfaces import rng
from dlsfaces.data.augment import Augmentation, luma, to_float

OFF = dict(
    flip=0, rotation=0, zoom=0, shift=0, brightness=0, contrast=0, saturation=0, tint=0, grey=0, blur=0, cutout=0
)


def faces(n=6, size=(20, 16)):
    return rng.uniform(rng.key(5, torch.arange(n)), 3 * size[0] * size[1]).view(n, 3, *size)


def keys(n=6):
    return rng.key(1, torch.arange(n))


def smooth(n=6, size=(40, 32)):
    """Images without detail, so that resampling hardly changes them."""
    y, x = torch.meshgrid(torch.linspace(0, 1, size[0]), torch.linspace(0, 1, size[1]), indexing="ij")
    return torch.stack([0.2 + 0.5 * y, 0.3 + 0.4 * x, 0.5 + 0.2 * x * y]).expand(n, 3, *size)


def test_all_off_changes_nothing():
    images = faces()
    assert torch.allclose(Augmentation(**OFF)(images, keys()), images, atol=1e-5)
    bytes_ = (images * 255).round().to(torch.uint8)
    assert torch.allclose(Augmentation(**OFF)(bytes_, keys()), bytes_ / 255, atol=1e-5)
    assert torch.equal(to_float(bytes_), bytes_ / 255) and to_float(images) is images


def test_an_image_gets_the_same_in_any_batch():
    images, k = faces(), keys()
    whole = Augmentation(blur=1, cutout=1)(images, k)
    alone = Augmentation(blur=1, cutout=1)(images[3:4], k[3:4])
    assert torch.allclose(whole[3:4], alone, atol=1e-6)
    assert not torch.allclose(whole[3:4], Augmentation(blur=1, cutout=1)(images[3:4], k[4:5]), atol=0.01)


def test_flip_mirrors_whole_images():
    images = faces()
    flipped = Augmentation(**{**OFF, "flip": 1})(images, keys())
    assert torch.allclose(flipped, images.flip(3), atol=1e-5)
    half = Augmentation(**{**OFF, "flip": 0.5})(faces(200), keys(200))
    share = sum(torch.allclose(a, b.flip(1 + 1), atol=1e-4) for a, b in zip(half, faces(200), strict=True)) / 200
    assert share == pytest.approx(0.5, abs=0.12)


def test_rotation_keeps_shape_on_images_that_are_not_square():
    """A disc stays a disc: the map must not shear where height and width differ."""
    y, x = torch.meshgrid(torch.arange(60) + 0.5, torch.arange(40) + 0.5, indexing="ij")
    disc = (((y - 30) ** 2 + (x - 20) ** 2) < 7**2).float().expand(8, 3, 60, 40)
    turned = Augmentation(**{**OFF, "rotation": 80})(disc, keys(8))
    assert (turned - disc).abs().mean() < 0.01


def test_rotation_turns_by_its_angle():
    y, x = torch.meshgrid(torch.arange(60) + 0.5, torch.arange(40) + 0.5, indexing="ij")
    dot = (-((y - 30) ** 2 + (x - 29) ** 2) / 4).exp().expand(64, 3, 60, 40)  # 9 pixels right of the centre
    turned = Augmentation(**{**OFF, "rotation": 30})(dot, keys(64))[:, 0]
    weight = turned / turned.sum((1, 2), keepdim=True)
    cx, cy = (weight * x).sum((1, 2)) - 20, (weight * y).sum((1, 2)) - 30
    assert torch.allclose((cx**2 + cy**2).sqrt(), torch.tensor(9.0), atol=0.2)
    degrees = torch.rad2deg(torch.atan2(cy, cx))
    assert degrees.abs().max() <= 30.5 and degrees.max() > 20 and degrees.min() < -20


def test_shift_and_zoom_stay_within_their_strength():
    images = smooth(64)
    red = Augmentation(**{**OFF, "shift": 0.1})(images, keys(64))[:, 0].mean((1, 2)) - images[:, 0].mean((1, 2))
    assert red.abs().max() <= 0.051 and red.abs().max() > 0.03  # the slope is 0.5 over the height
    spread = Augmentation(**{**OFF, "zoom": 0.2})(images, keys(64))[:, 0].std((1, 2)) / images[:, 0].std((1, 2))
    assert 0.75 < spread.min() < 0.9 and 1.05 < spread.max() < 1.25


def test_colours():
    images = faces(64) * 0.2 + 0.3  # far from black and white, where colours are cut off
    bright = Augmentation(**{**OFF, "brightness": 0.3})(images, keys(64)).mean((1, 2, 3)) / images.mean((1, 2, 3))
    assert bright.min() >= 0.7 and bright.max() <= 1.3 and bright.std() > 0.1
    contrast = Augmentation(**{**OFF, "contrast": 0.3})(images, keys(64))
    assert torch.allclose(contrast.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=0.01)
    saturation = Augmentation(**{**OFF, "saturation": 0.5})(images, keys(64))
    assert torch.allclose(luma(saturation), luma(images), atol=1e-4)
    grey = Augmentation(**{**OFF, "grey": 1})(images, keys(64))
    assert torch.allclose(grey[:, :1], grey[:, 1:2], atol=1e-6) and torch.allclose(grey[:, :1], luma(images), atol=1e-4)


def test_blur_is_a_gaussian():
    dot = torch.zeros(8, 3, 31, 31)
    dot[:, :, 15, 15] = 1
    out = Augmentation(**{**OFF, "blur": 1, "max_sigma": 2.0})(dot, keys(8))
    x = torch.arange(31) - 15.0
    variance = (out[:, 0].sum(1) * x**2).sum(1)
    assert torch.allclose(out.sum((2, 3)), torch.tensor(1.0), atol=1e-4)
    sigma = 0.3 + rng.uniform(keys(8), 20)[:, 13] * 1.7
    assert torch.allclose(variance.sqrt()[sigma > 0.6], sigma[sigma > 0.6], rtol=0.15)
    assert torch.allclose(Augmentation(**{**OFF, "blur": 0})(dot, keys(8)), dot, atol=1e-5)


def test_cutout_is_one_grey_rectangle():
    images = torch.zeros(32, 3, 40, 32)
    holes = Augmentation(**{**OFF, "cutout": 1, "max_hole": 0.4})(images, keys(32))
    for hole in holes:
        rows, columns = (hole[0] == 0.5).any(1), (hole[0] == 0.5).any(0)
        assert torch.equal(hole[0] == 0.5, rows[:, None] & columns[None])
        assert rows.sum() <= math.ceil(0.4 * 40) + 1 and columns.sum() <= math.ceil(0.4 * 32) + 1
    assert (holes == 0.5).flatten(1).any(1).all()
    assert not Augmentation(**{**OFF, "cutout": 0})(images, keys(32)).any()


def test_result_stays_an_image():
    out = Augmentation(brightness=0.9, contrast=0.9, saturation=0.9, tint=0.5)(faces(50), keys(50))
    assert out.min() >= 0 and out.max() <= 1 and out.isfinite().all()


def test_hard_photos_are_coarse_printed_and_grainy():
    off = dict.fromkeys(vars(Augmentation()), 0)
    keys = torch.arange(6)
    ramp = torch.linspace(0, 1, 64).expand(6, 3, 64, 64)
    fine = torch.tensor([0.2, 0.8]).repeat(32).expand(6, 3, 64, 64)  # a line a pixel
    assert torch.allclose(Augmentation(**off)(ramp, keys), ramp, atol=1e-6)
    coarse = Augmentation(**off | {"coarse": 1.0})(fine, keys)
    assert coarse.std((1, 2, 3)).max() < 0.25 * fine[0].std() and (coarse.mean((1, 2, 3)) - 0.5).abs().max() < 0.01
    grain = Augmentation(**off | {"grain": 0.1})(ramp.clamp(0.4, 0.6), keys) - ramp.clamp(0.4, 0.6)
    strength = grain.std((1, 2, 3))
    assert (
        strength.max() < 0.11 and strength.max() > 3 * strength.min() and (grain[:, 0] - grain[:, 1]).abs().max() < 1e-6
    )
    printed = Augmentation(**off | {"screen": 1.0})(ramp, keys)
    # dots where it is grey, none in black and white; on average as dark as it was
    assert printed[..., 28:36].std(2).mean() > 0.1 and printed[..., :2].std(2).max() < 0.02
    assert (printed.mean((1, 2, 3)) - 0.5).abs().max() < 0.03
    assert torch.equal(
        Augmentation(**off | {"screen": 0.5, "coarse": 0.5, "grain": 0.1})(ramp[:2], keys[:2]),
        Augmentation(**off | {"screen": 0.5, "coarse": 0.5, "grain": 0.1})(ramp, keys)[:2],
    )
