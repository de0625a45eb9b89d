import math

import pytest
import torch

from dlsfaces.align import gaussian_heatmaps, read_peaks


def points_in(size, n=200, margin=0.0):
    """``(n, 1, 2)`` points of a map, or up to a margin beyond it."""
    u = torch.rand(n, 1, 2, generator=torch.Generator().manual_seed(0))
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


@pytest.mark.parametrize("sigma", [1.0, 2.0])
@pytest.mark.parametrize("margin", [-2.0, 0.0, 1.0], ids=["inside", "to the border", "beyond it"])
def test_peaks_are_found_to_a_thousandth_of_a_pixel(margin, sigma):
    points = points_in((16, 20), margin=margin)
    found = read_peaks(gaussian_heatmaps(points, (16, 20), sigma), sigma)
    assert (found.points - points).abs().max() < 1e-3
    if margin <= 0:
        assert (found.confidence - 1).abs().max() < 0.01


@pytest.mark.parametrize("height", [0.05, 0.9])
def test_the_confidence_is_the_peaks_height_and_the_place_does_not_depend_on_it(height):
    points = points_in((16, 20), margin=-2.0)
    found = read_peaks(height * gaussian_heatmaps(points, (16, 20)))
    assert (found.points - points).abs().max() < 1e-2
    assert (found.confidence - height).abs().max() < 0.01 * height
