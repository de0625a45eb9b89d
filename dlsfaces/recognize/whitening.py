"""What varies between images of one person counts less: a linear map, learned after the network."""

from typing import NamedTuple

import torch
from torch import Tensor

from dlsfaces.data import UNKNOWN


class Whitening(NamedTuple):
    """A map of features, ``(x - mean) @ matrix``: call it with features ``(N, D)``."""

    mean: Tensor  # (D,)
    matrix: Tensor  # (D, D)

    def __call__(self, features: Tensor) -> Tensor:
        return (features - self.mean) @ self.matrix


def within_class_whitening(features: Tensor, identities: Tensor, shrinkage: float = 0.05) -> Whitening:
    r"""Within-class covariance normalisation (Hatch, Kajarekar and Stolcke 2006, section 3).

    .. math:: W = \frac1N \sum_i (x_i - c_{y_i})(x_i - c_{y_i})^\top, \qquad f(x) = W^{-1/2} (x - \bar x)

    where :math:`c_y` is the mean of person y. Directions in which images of one person differ (light, pose) are
    shortened until they differ equally in all. The people need not be those who are recognised later.

    Takes features ``(N, D)`` and identities ``(N,)``, of which unknown people are left out; ``shrinkage`` is the share
    of W that is replaced by its mean variance in all directions, so that one in which few images differ by chance is
    not blown up. ``ValueError`` where W cannot be inverted.
    """
    if not 0 <= shrinkage <= 1:
        raise ValueError(f"shrinkage={shrinkage} is a share, from 0 to 1")
    features, identities = features[identities != UNKNOWN], identities[identities != UNKNOWN]
    people, number, counts = identities.unique(return_inverse=True, return_counts=True)
    if not (counts > 1).any():
        raise ValueError("nobody has two images, so nothing is known of what varies between images of one person")
    x = features.double()
    centres = x.new_zeros(len(people), x.shape[1]).index_add_(0, number, x) / counts[:, None]
    within = x - centres[number]
    covariance = within.T @ within / len(x)
    mean_variance = covariance.trace() / len(covariance)
    covariance = torch.lerp(covariance, mean_variance * torch.eye(len(covariance), dtype=x.dtype), shrinkage)
    variance, axes = torch.linalg.eigh(covariance)
    if variance[0] <= 1e-12 * variance[-1] or variance[-1] <= 0:
        raise ValueError("features vary within people in too few directions; give more images, or a shrinkage above 0")
    matrix = axes @ torch.diag(variance.rsqrt()) @ axes.T
    return Whitening(x.mean(0).to(features.dtype), matrix.to(features.dtype))
