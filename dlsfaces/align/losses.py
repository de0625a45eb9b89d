"""Losses on landmarks. Unknown landmarks (NaN) are left out."""

import math

import torch
from torch import Tensor, nn

from dlsfaces.align.heatmaps import SIGMA, gaussian_heatmaps


class RegressionLoss(nn.Module):
    r"""Distance, and how well the network expected it: a Laplace density in the plane of expected error :math:`2 b_k`.

    .. math:: L = \frac1{|K|} \sum_{k \in K} \left( \frac{d_k}{s} + \frac{d_k}{b_k} + 2 \log b_k \right),
        \qquad d_k = \lVert \hat p_k - p_k \rVert

    K are the known points, s is ``scale``, a share of the side (Kendall and Gal 2017, 2.2.1, with the absolute error).
    """

    def __init__(self, scale: float = 0.05) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, out: Tensor, points: Tensor) -> Tensor:
        """Loss of a :class:`LandmarkRegression`'s ``(N, P, 3)`` with points ``(N, P, 2)`` as shares of the side."""
        known = points.isfinite().all(-1)
        d = (out[..., :2] - points.nan_to_num(0.0, 0.0, 0.0)).square().sum(-1).add(1e-12).sqrt()
        log_b = out[..., 2].clamp(-8.0, 2.0)
        # no gradient through the second distance, so that hard points are taught like easy ones
        value = d / self.scale + d.detach() / log_b.exp() + 2 * log_b
        return (value * known).sum() / known.sum().clamp(min=1)


class HeatmapLoss(nn.Module):
    r"""Squared difference from the Gaussian targets, of every stack (Newell et al. 2016, sections 3.1 and 3.2).

    .. math:: L = \frac1{S |K|} \sum_{s} \sum_{k \in K} \frac{\lVert h_{s,k} - g_k \rVert^2}{\pi \sigma^2}
    """

    def __init__(self, sigma: float = SIGMA) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, maps: Tensor, points: Tensor) -> Tensor:
        """Loss of heat maps ``(N, S, P, H, W)`` with points ``(N, P, 2)`` as shares of the side, NaN where unknown."""
        size = maps.shape[-2:]
        known = points.isfinite().all(-1)
        scale = torch.tensor([size[1], size[0]], device=points.device)
        targets = gaussian_heatmaps(points * scale, size, self.sigma)[:, None]
        # pi sigma^2 is the energy of a Gaussian: a dark map has a loss of 1
        missed = (maps - targets).square().sum((-1, -2)) / (math.pi * self.sigma**2)
        return (missed.mean(1) * known).sum() / known.sum().clamp(min=1)
