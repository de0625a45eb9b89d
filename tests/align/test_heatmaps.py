import math

import pytest
import torch

from dlsfaces.align import gaussian_heatmaps, read_peaks


def points_in(size, n=200, margin=0.0, seed=0):
    """``(n, 1, 2)`` points of a map, or up to a margin beyond it."""
    u = torch.rand(n, 1, 2, generator=torch.Generator().manual_seed(seed))
    height, width = size
    return u * torch.tensor([width + 2 * margin, height + 2 * margin]) - margin


@pytest.mark.parametrize("sigma", [1.0, 1.7])
def test_a_map_is_the_formula_at_every_pixels_centre(sigma):
    points = torch.tensor([[[3.5, 2.5], [3.0, 2.0], [0.1, 5.9], [7.3, -0.8], [-1.2, 6.7], [40, 40]]]).double()
    maps = gaussian_heatmaps(points, (6, 8), sigma)
    assert maps.shape == (1, 6, 6, 8) and maps.dtype == torch.float32
    for k, (px, py) in enumerate(points[0].tolist()):
        for row in range(6):
            for column in range(8):
                distance2 = (column + 0.5 - px) ** 2 + (row + 0.5 - py) ** 2
                assert maps[0, k, row, column].item() == pytest.approx(math.exp(-distance2 / 2 / sigma**2), abs=1e-7)


def test_a_peak_on_a_pixel_is_one_and_between_pixels_it_is_not_rounded():
    maps = gaussian_heatmaps(torch.tensor([[[3.5, 2.5], [4.0, 3.0]]]), (6, 8))[0]
    assert maps[0, 2, 3] == 1 and (maps[0] == 1).sum() == 1
    assert torch.allclose(maps[1, 2:4, 3:5], torch.tensor(math.exp(-0.25)))  # the four around, all alike


def test_outside_the_border_the_tail_is_inside_and_far_away_all_is_dark():
    near, far, unknown, half = gaussian_heatmaps(
        torch.tensor([[[-1.0, 3.0], [-60.0, 3.0], [torch.nan, torch.nan], [3.0, torch.nan]]]), (6, 8)
    )[0]
    assert near[2, 0] == pytest.approx(math.exp(-(1.5**2 + 0.5**2) / 2)) and near.argmax() % 8 == 0
    assert not far.any() and not unknown.any() and not half.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_floating_type_gives_float32_maps(dtype):
    points = torch.tensor([[[3.5, 2.25]]], dtype=dtype)  # which all of them hold exactly
    maps = gaussian_heatmaps(points, (6, 8))
    assert maps.dtype == torch.float32
    assert torch.allclose(maps, gaussian_heatmaps(points.double(), (6, 8)), atol=1e-6)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
@pytest.mark.parametrize("margin", [-2.0, 0.0, 1.0], ids=["inside", "to the border", "beyond it"])
def test_peaks_are_found_to_a_thousandth_of_a_pixel(margin, sigma):
    points = points_in((16, 20), margin=margin)
    found = read_peaks(gaussian_heatmaps(points, (16, 20), sigma), sigma)
    assert (found.points - points).abs().max() < 1e-3
    if margin <= 0:
        assert (found.confidence - 1).abs().max() < 0.01


def test_peaks_at_the_corners_and_borders():
    points = torch.tensor([[[0.0, 0.0], [20.0, 16.0], [0.5, 8.2], [19.5, 8.0], [10.3, 15.9], [-0.9, 16.9]]])
    found = read_peaks(gaussian_heatmaps(points, (16, 20)))
    assert (found.points - points).abs().max() < 1e-3


@pytest.mark.parametrize("height", [0.05, 0.3, 0.9])
def test_the_confidence_is_the_peaks_height_and_the_place_does_not_depend_on_it(height):
    points = points_in((16, 20), margin=-2.0)
    found = read_peaks(height * gaussian_heatmaps(points, (16, 20)))
    assert (found.points - points).abs().max() < 1e-2
    assert (found.confidence - height).abs().max() < 0.01 * height


def test_noise_moves_a_peak_by_little():
    points = points_in((32, 32), margin=-2.0)
    maps = gaussian_heatmaps(points, (32, 32))
    noise = 0.02 * torch.randn(maps.shape, generator=torch.Generator().manual_seed(1))
    off = (read_peaks(maps + noise).points - points).norm(dim=-1)
    assert off.mean() < 0.06 and off.max() < 0.25


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 50.0])
def test_flat_maps_give_finite_points_within(value):
    found = read_peaks(torch.full((2, 3, 8, 9), value))
    assert found.points.isfinite().all() and (found.points >= 0).all() and (found.points <= 9).all()
    assert (0 <= found.confidence).all() and (found.confidence <= 1).all()
    if value <= 0:
        assert (found.confidence == 0).all()


def test_two_equal_peaks_give_one_of_them():
    maps = gaussian_heatmaps(torch.tensor([[[4.5, 4.5]]]), (16, 16)) + gaussian_heatmaps(
        torch.tensor([[[11.5, 11.5]]]), (16, 16)
    )
    found = read_peaks(maps).points[0, 0]
    assert any((found - torch.tensor([at, at])).abs().max() < 0.02 for at in (4.5, 11.5))


def test_peaks_are_read_apart_from_the_graph_and_from_half_precision():
    points = points_in((16, 16), margin=-2.0)
    maps = gaussian_heatmaps(points, (16, 16)).half().requires_grad_()
    found = read_peaks(maps)
    assert found.points.dtype == torch.float32 and not found.points.requires_grad
    assert (found.points - points).abs().max() < 0.01


def test_each_map_is_read_by_itself():
    points = torch.rand(4, 3, 2, generator=torch.Generator().manual_seed(2)) * 16
    together = read_peaks(gaussian_heatmaps(points, (16, 16)))
    assert together.points.shape == (4, 3, 2) and together.confidence.shape == (4, 3)
    assert (together.points - points).abs().max() < 1e-3
