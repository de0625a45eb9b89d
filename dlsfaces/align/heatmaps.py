"""A point as a heat map, and back: Gaussian targets, and coordinates to a fraction of a pixel of the heat map."""

from typing import NamedTuple

import torch
from torch import Tensor

SIGMA = 1.0  #: pixels of the heat map: the paper's width of a target (Newell et al. 2016, section 3.1)
_FLOOR = 1e-4  # what counts as dark: the logarithm needs it, and a trained map is noise below


class Landmarks(NamedTuple):
    """Points and how sure the network is of each."""

    points: Tensor  # (N, P, 2) pixels
    confidence: Tensor  # (N, P) in [0, 1]


def gaussian_heatmaps(points: Tensor, size: tuple[int, int], sigma: float = SIGMA) -> Tensor:
    r"""Targets: :math:`h(x, y) = \exp(-\frac{(x - p_x)^2 + (y - p_y)^2}{2 \sigma^2})`, the peak not rounded to a pixel.

    From points ``(N, P, 2)`` in pixels of the heat map, NaN where unknown: float32 ``(N, P, height, width)`` in [0, 1].
    The map of a point that is unknown or far outside is dark.
    """
    height, width = size
    x, y = (torch.arange(n, device=points.device) + 0.5 for n in (width, height))  # the first centre is at 0.5
    # A Gaussian is a product of one along x and one along y: two rows of numbers a point, not a whole map of exp.
    across, down = ((-0.5 * ((axis - points[..., k, None]) / sigma) ** 2).exp() for k, axis in enumerate((x, y)))
    return (down[..., :, None] * across[..., None, :]).nan_to_num(0.0).float()


def read_peaks(heatmaps: Tensor, sigma: float = SIGMA) -> Landmarks:
    """Where the peaks of heat maps ``(N, P, H, W)`` are, to a fraction of a pixel, and how high.

    The logarithm of a Gaussian is a parabola: along each axis the brightest pixel and its two neighbours give its top
    (Zhang et al. 2020, "Distribution-aware coordinate representation", section 3.1, without smoothing). On the border,
    with one neighbour, it has the width of the targets' ``sigma``, so points a little outside are found, too.
    """
    height, width = heatmaps.shape[-2:]
    heatmaps = heatmaps.detach().float()
    best = heatmaps.flatten(2).argmax(-1)
    row, column = best.div(width, rounding_mode="floor"), best % width
    log = heatmaps.clamp(min=_FLOOR).log()

    def at(dy: int, dx: int) -> Tensor:
        y, x = (row + dy).clamp(0, height - 1), (column + dx).clamp(0, width - 1)
        return log.flatten(2).gather(-1, (y * width + x)[..., None])[..., 0]

    middle = at(0, 0)
    dx = _top(at(0, -1), middle, at(0, 1), column == 0, column == width - 1, sigma)
    dy = _top(at(-1, 0), middle, at(1, 0), row == 0, row == height - 1, sigma)
    brightest = heatmaps.flatten(2).gather(-1, best[..., None])[..., 0]
    # The pixel's centre lies beside the top, and is lower by what the Gaussian falls in between.
    beside = (dx**2 + dy**2).clamp(max=0.5)
    confidence = (brightest * torch.exp(beside / (2 * sigma**2))).clamp(0, 1)
    return Landmarks(torch.stack((column + 0.5 + dx, row + 0.5 + dy), dim=-1), confidence)


def _top(before: Tensor, middle: Tensor, after: Tensor, first: Tensor, last: Tensor, sigma: float) -> Tensor:
    """The parabola's top beside the middle of three logarithms a pixel apart; on a border, of two."""
    curved = (2 * middle - before - after).clamp(min=1e-3)
    inside = (0.5 * (after - before) / curved).clamp(-0.5, 0.5)
    at_start = (0.5 - sigma**2 * (middle - after)).clamp(-2 * sigma, 0.5)
    at_end = (sigma**2 * (middle - before) - 0.5).clamp(-0.5, 2 * sigma)
    return torch.where(first, at_start, torch.where(last, at_end, inside))
