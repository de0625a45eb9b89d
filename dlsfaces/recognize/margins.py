"""Margins on angles: softmax over cosines, in which a face must be nearer to its own person than the softmax asks.

CosFace, ArcFace and AdaFace are one head with other margins. All arithmetic is in float32, also under autocast: half
precision cannot tell a cosine of 0.9999 from 1, where the margin's slope has no bound.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import Function, FunctionCtx, once_differentiable

SHORTEST = 1e-6  #: a vector shorter than this has no direction
NEAREST = 1 - 1e-6  #: a cosine is taken to be at most this, and at least its negative


def unit(vectors: Tensor) -> Tensor:
    """Vectors ``(..., D)`` at length 1, in float32.

    One without a direction (shorter than 1e-6, or with a square that is no number any more, above 1e19) becomes zero
    and gets no gradient: that of dividing by its length would be a million times too large.
    """
    return _Unit.apply(vectors.float())


class _Unit(Function):
    """By hand: holds three tensors of the size of all people's weights at once where PyTorch's way back holds five."""

    @staticmethod
    def forward(ctx: FunctionCtx, vectors: Tensor) -> Tensor:
        length = vectors.norm(dim=-1, keepdim=True)
        inverse = torch.where(length <= SHORTEST, 0.0, 1 / length)
        u = vectors * inverse
        ctx.save_for_backward(u, inverse)
        return u

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        r""":math:`(g - u (u \cdot g)) / \lVert x \rVert`: what points along the vector changes its length alone."""
        u, inverse = ctx.saved_tensors
        along = torch.einsum("...d,...d->...", u, gradient)[..., None]
        return torch.addcmul(gradient, u, along, value=-1).mul_(inverse)


def add_angle(cosine: Tensor, angle: Tensor) -> Tensor:
    r"""The cosine of an angle that was widened: :math:`\cos(\theta + m)` from :math:`\cos\theta`.

    Where :math:`\theta + m` passes :math:`\pi` the cosine would rise again, and a face would be rewarded for being
    further away still: there it is :math:`\cos\theta - m \sin m`, as in the code of ArcFace's authors. Where a negative
    ``m`` would take the angle below 0 it is 1 (AdaFace's clip). At :math:`\cos\theta = \pm 1` the direction in which
    the angle changes is not defined, and the gradient is 0.

    Args:
        cosine: float in [-1, 1].
        angle: ``m`` in radians, above :math:`-\pi` and below :math:`\pi`; broadcasts with ``cosine``.
    """
    inside = cosine.clamp(-NEAREST, NEAREST)
    # By the addition theorem: no arc cosine, whose slope is infinite where students' losses turn to NaN.
    widened = inside * angle.cos() - (1 - inside.square()).sqrt() * angle.sin()
    widened = torch.where((angle > 0) & (cosine < -angle.cos()), cosine - angle * angle.sin(), widened)
    return torch.where((angle < 0) & (cosine > angle.cos()), 1.0, widened)


class _CrossEntropy(Function):
    """Cross-entropy, where the true person's logit is a function, with this slope, of the one that was there before.

    By hand, so that nothing of ``(N, n_people)`` is made but the logits, the softmax and one gradient.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, logits: Tensor, own: Tensor, slope: Tensor) -> Tensor:
        log_p = logits.log_softmax(1)
        ctx.save_for_backward(log_p, own, slope)
        return -log_p.gather(1, own).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None, None]:
        """With respect to the logits that were there before: softmax, less 1 at the true person, there times slope."""
        log_p, own, slope = ctx.saved_tensors
        softmax = log_p.exp()
        softmax.scatter_(1, own, log_p.gather(1, own).expm1() * slope)
        return softmax.mul_(gradient / len(own)), None, None


class AngularMargin(nn.Module):
    r"""Cross-entropy of scaled cosines, with a margin taken from the true person's.

    .. math:: L = -\frac1N \sum_i \log \frac{e^{s(\cos(\theta_{y_i} + m) - c)}}
              {e^{s(\cos(\theta_{y_i} + m) - c)} + \sum_{j \ne y_i} e^{s\cos\theta_j}}

    where :math:`\theta_j` is the angle between the features and the head's vector of person j. ``m`` alone is ArcFace,
    ``c`` alone CosFace; both together the combined margin of Deng et al. 2019, equation 4.

    Args:
        embedding_dim: length of the features.
        n_people: number of classes.
        angle: ``m``, radians, in [0, pi / 2].
        cosine: ``c``, in [0, 2).
        scale: ``s``, above 0.
        warmup_steps: training steps over which both margins grow from 0, and the scale from ``start_scale``, along a
            straight line; a network that is still lost is not asked for a margin. Kept in the weights, for resuming.
        start_scale: the scale of the first step; ``scale`` where None.
    Raises:
        ValueError: a setting out of its range.
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
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # of training that are done

    def logits(self, features: Tensor) -> Tensor:
        """``scale`` times the cosine to each person's vector, without a margin: ``(N, D)`` to ``(N, n_people)``."""
        with torch.autocast(features.device.type, enabled=False):
            return self.scale * unit(features) @ unit(self.weight).T

    def forward(self, features: Tensor, identities: Tensor) -> Tensor:
        """Mean loss of raw features ``(N, embedding_dim)`` with identities ``(N,)`` in ``0..n_people - 1``."""
        with torch.autocast(features.device.type, enabled=False):
            grown = self._grown()
            scale = self.start_scale + (self.scale - self.start_scale) * grown
            angle, cosine = self.margins(features.detach().float())
            # The scale goes into the small factor: logits is the only tensor of (N, n_people) before the softmax.
            logits = (scale * unit(features)) @ unit(self.weight).T
            own = identities[:, None]
            with torch.enable_grad():
                before = (logits.detach().gather(1, own) / scale).requires_grad_()
                after = add_angle(before, angle * grown) - cosine * grown
            (slope,) = torch.autograd.grad(after.sum(), before)
            with torch.no_grad():
                logits.scatter_(1, own, scale * after)
            return _CrossEntropy.apply(logits, own, slope)

    def margins(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The margins ``m`` and ``c`` of features ``(N, D)``, each of a shape that broadcasts with ``(N, 1)``."""
        return features.new_full((), self.angle), features.new_full((), self.cosine)

    def _grown(self) -> Tensor:
        """How much of margins and scale there is at this step, in [0, 1]; counts the step where it trains."""
        if self.warmup_steps == 0:
            return torch.ones((), device=self.steps.device)
        grown = (self.steps / self.warmup_steps).clamp(max=1.0)
        if self.training:
            self.steps += 1
        return grown


def cosface(
    embedding_dim: int, n_people: int, margin: float = 0.35, scale: float = 64.0, **schedule: float
) -> AngularMargin:
    r"""CosFace (Wang et al. 2018, equation 4): the true logit is :math:`s(\cos\theta_y - m)`.

    Args:
        margin: a cosine; the paper's best is 0.35 (section 4.2).
        scale: 64 in the paper; a set of few people learns better with a smaller one.
        schedule: ``warmup_steps``, ``start_scale`` of :class:`AngularMargin`.
    """
    return AngularMargin(embedding_dim, n_people, cosine=margin, scale=scale, **schedule)


def arcface(
    embedding_dim: int, n_people: int, margin: float = 0.5, scale: float = 64.0, **schedule: float
) -> AngularMargin:
    r"""ArcFace (Deng et al. 2019, equation 3): the true logit is :math:`s\cos(\theta_y + m)`.

    Args:
        margin: an angle in radians; 0.5 in the paper.
        scale: 64 in the paper; a set of few people learns better with a smaller one.
        schedule: ``warmup_steps``, ``start_scale`` of :class:`AngularMargin`.
    """
    return AngularMargin(embedding_dim, n_people, angle=margin, scale=scale, **schedule)


class AdaFace(AngularMargin):
    r"""AdaFace (Kim, Jain and Liu 2022, section 3.3): the margin of a face depends on its quality.

    The length of the features stands for the quality of the picture. With
    :math:`\hat z = \mathrm{clip}((\lVert x \rVert - \mu) h / \sigma, -1, 1)` the true logit is
    :math:`s(\cos(\theta_y + g_a) - g_c)`, where :math:`g_a = -m \hat z` and :math:`g_c = m \hat z + m`: good pictures
    get a margin that presses hard ones, poor pictures one that lets the hopeless ones go. No gradient flows through
    the lengths; :math:`\mu` and :math:`\sigma` are running means over batches.

    Args:
        margin: ``m``; 0.4 in the paper.
        h: how much of the lengths' spread lies between the extremes; 0.333 in the paper.
        schedule: ``warmup_steps``, ``start_scale`` of :class:`AngularMargin`.
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
        self.margin, self.h = margin, h
        self.register_buffer("mean_length", torch.zeros(()))  # 0 until the first batch
        self.register_buffer("std_length", torch.zeros(()))

    def margins(self, features: Tensor) -> tuple[Tensor, Tensor]:
        lengths = features.norm(dim=1, keepdim=True).clamp(1e-3, 100.0)  # as the authors do
        if self.training:
            self._follow(lengths)
        quality = ((lengths - self.mean_length) / (self.std_length + 1e-3) * self.h).clamp(-1, 1)
        return -self.margin * quality, self.margin * quality + self.margin

    def _follow(self, lengths: Tensor) -> None:
        """Move the running mean and spread towards this batch's; the first batch sets them."""
        momentum = torch.where(self.mean_length == 0, 1.0, self.MOMENTUM)
        self.mean_length.lerp_(lengths.mean(), momentum)
        self.std_length.lerp_(lengths.std(unbiased=False), momentum)
