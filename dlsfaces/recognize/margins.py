"""Margins on angles: CosFace, ArcFace and AdaFace, which are one head with different margins.

All arithmetic is in float32: half precision cannot tell a cosine of 0.9999 from 1, where the slope has no bound.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlsfaces.data import UNKNOWN

SHORTEST = 1e-6  #: a vector shorter than this has no direction
NEAREST = 1 - 1e-6  #: a cosine is taken to be at most this, and at least its negative


def unit(vectors: Tensor) -> Tensor:
    """Vectors ``(..., D)`` at length 1, in float32; zero where too short, or so long that the square overflows."""
    vectors = vectors.float()
    length = vectors.norm(dim=-1, keepdim=True)
    # One without a direction gets no gradient: dividing by its length would make one a million times too large.
    return vectors * ((length > SHORTEST) / length.clamp(min=SHORTEST))


def add_angle(cosine: Tensor, angle: Tensor) -> Tensor:
    r"""The cosine of a widened angle: :math:`\cos(\theta + m)` from :math:`\cos\theta`.

    ``angle`` is m in radians, in :math:`(-\pi, \pi)`. Beyond :math:`\theta + m = \pi` the cosine would rise again and
    reward faces for being further away: there it is :math:`\cos\theta - m \sin m`, as in the code of ArcFace's
    authors. Where a negative m would take the angle below 0 it is 1 (AdaFace's clip).
    """
    inside = cosine.clamp(-NEAREST, NEAREST)
    # By the addition theorem: an arc cosine has an infinite slope at 1, which ends in NaN.
    widened = inside * angle.cos() - (1 - inside.square()).sqrt() * angle.sin()
    widened = torch.where((angle > 0) & (cosine < -angle.cos()), cosine - angle * angle.sin(), widened)
    return torch.where((angle < 0) & (cosine > angle.cos()), 1.0, widened)


class AngularMargin(nn.Module):
    r"""Cross-entropy of scaled cosines, with a margin taken from the true person's.

    .. math:: L = -\frac1N \sum_i \log \frac{e^{s(\cos(\theta_{y_i} + m) - c)}}
              {e^{s(\cos(\theta_{y_i} + m) - c)} + \sum_{j \ne y_i} e^{s\cos\theta_j}}

    where :math:`\theta_j` is the angle between the features and the head's vector of person j. ``m`` alone is ArcFace,
    ``c`` alone CosFace; both together the combined margin of Deng et al. 2019, equation 4.

    Args:
        angle: ``m``, radians, in [0, pi / 2].
        cosine: ``c``, in [0, 2).
        scale: ``s``.
        warmup_steps: training steps over which both margins grow from 0, and the scale from ``start_scale`` (``scale``
            where None), along a straight line.
    """

    def __init__(
        self,
        embedding_dim: int,
        n_people: int,
        *,
        angle: float = 0.0,
        cosine: float = 0.0,
        scale: float = 64.0,
        warmup_steps: int = 0,
        start_scale: float | None = None,
    ) -> None:
        super().__init__()
        start_scale = scale if start_scale is None else start_scale
        if not 0 <= angle <= torch.pi / 2 or not 0 <= cosine < 2:
            raise ValueError(f"angle={angle}, cosine={cosine}: needs 0 <= angle <= pi / 2 (radians), 0 <= cosine < 2")
        if not (scale > 0 and start_scale > 0 and warmup_steps >= 0):
            raise ValueError(f"scale={scale}, start_scale={start_scale}, warmup_steps={warmup_steps}: needs scales > 0")
        self.angle, self.cosine, self.scale = angle, cosine, scale
        self.warmup_steps, self.start_scale = warmup_steps, start_scale
        self.weight = nn.Parameter(torch.randn(n_people, embedding_dim) / embedding_dim**0.5)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # done in training; a run goes on with them

    def logits(self, features: Tensor) -> Tensor:
        """``scale`` times the cosine to each person's vector, without a margin: ``(N, D)`` to ``(N, n_people)``."""
        with torch.autocast(features.device.type, enabled=False):
            return self.scale * unit(features) @ unit(self.weight).T

    def forward(self, features: Tensor, identities: Tensor) -> Tensor:
        """Mean loss of raw features ``(N, embedding_dim)`` with identities ``(N,)`` in ``0..n_people - 1``.

        Unknown people (-1) are left out of it, as of :class:`dlsfaces.recognize.CrossEntropy`'s.
        """
        with torch.autocast(features.device.type, enabled=False):
            grown = self._grown()
            scale = self.start_scale + (self.scale - self.start_scale) * grown
            angle, cosine = self.margins(features.detach().float())
            cosines = unit(features) @ unit(self.weight).T  # (N, n_people)
            own = identities[:, None].where(identities[:, None] != UNKNOWN, 0)  # the loss leaves these out
            widened = add_angle(cosines.gather(1, own), grown * angle) - grown * cosine  # (N, 1)
            return F.cross_entropy(scale * cosines.scatter(1, own, widened), identities, ignore_index=UNKNOWN)

    def margins(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """``m`` and ``c`` of features ``(N, D)``; each broadcasts with ``(N, 1)``."""
        return features.new_tensor(self.angle), features.new_tensor(self.cosine)

    def _grown(self) -> Tensor | float:
        """How much of margins and scale there is at this step, in [0, 1]; counts the step where it trains."""
        if self.warmup_steps == 0:
            return 1.0
        grown = (self.steps / self.warmup_steps).clamp(max=1.0)
        if self.training:
            self.steps += 1
        return grown


def cosface(
    embedding_dim: int, n_people: int, margin: float = 0.35, scale: float = 64.0, **schedule: float
) -> AngularMargin:
    r"""CosFace (Wang et al. 2018, equation 4): the true logit is :math:`s(\cos\theta_y - m)`.

    ``schedule`` is ``warmup_steps`` and ``start_scale`` of :class:`AngularMargin`. The defaults are the paper's
    (section 4.2); few people are learned better with a smaller scale.
    """
    return AngularMargin(embedding_dim, n_people, cosine=margin, scale=scale, **schedule)


def arcface(
    embedding_dim: int, n_people: int, margin: float = 0.5, scale: float = 64.0, **schedule: float
) -> AngularMargin:
    r"""ArcFace (Deng et al. 2019, equation 3): the true logit is :math:`s\cos(\theta_y + m)`, with m in radians."""
    return AngularMargin(embedding_dim, n_people, angle=margin, scale=scale, **schedule)


class AdaFace(AngularMargin):
    r"""AdaFace (Kim, Jain and Liu 2022, section 3.3): the margin of a face depends on its quality.

    The length of the features stands for the quality of the image. With
    :math:`\hat z = \mathrm{clip}((\lVert x \rVert - \mu) h / \sigma, -1, 1)` the true logit is
    :math:`s(\cos(\theta_y + g_a) - g_c)`, where :math:`g_a = -m \hat z` and :math:`g_c = m \hat z + m`: good images
    get a margin that presses hard ones, poor images one that lets the hopeless ones go. :math:`\mu` and
    :math:`\sigma` are running means over batches. The defaults are the paper's.
    """

    MOMENTUM = 0.01  # of the running mean; the paper's alpha is 0.99

    def __init__(
        self,
        embedding_dim: int,
        n_people: int,
        margin: float = 0.4,
        scale: float = 64.0,
        h: float = 0.333,
        **schedule: float,
    ) -> None:
        super().__init__(embedding_dim, n_people, angle=margin, cosine=2 * margin, scale=scale, **schedule)
        if h <= 0:
            raise ValueError(f"h={h}: needs to be above 0")
        self.margin, self.h = margin, h  # h: how much of the lengths' spread lies between the extremes
        self.register_buffer("mean_length", torch.zeros(()))  # 0 until the first batch
        self.register_buffer("std_length", torch.zeros(()))

    def margins(self, features: Tensor) -> tuple[Tensor, Tensor]:
        lengths = features.norm(dim=1, keepdim=True).clamp(1e-3, 100.0)  # as the authors do
        if self.training:  # the first batch sets the running mean and spread, the others move them
            momentum = torch.where(self.mean_length == 0, 1.0, self.MOMENTUM)
            self.mean_length.lerp_(lengths.mean(), momentum)
            self.std_length.lerp_(lengths.std(unbiased=False), momentum)
        quality = ((lengths - self.mean_length) / (self.std_length + 1e-3) * self.h).clamp(-1, 1)
        return -self.margin * quality, self.margin * quality + self.margin
