"""Adversarial attacks: images changed a little, so that a network sees something else. Names as in torchattacks.

Sizes are in [0, 1], as images are: one grey level is 1 / 255. A loss is what an attack *raises*: it gets images and a
target for each, and any differentiable function will do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from dlsfaces.geometry import check_images
from dlsfaces.recognize import Backbone

Loss = Callable[[Tensor, Tensor], Tensor]  #: images (N, 3, H, W) and targets (N, ...) to one number an image, (N,)
Size = float | Tensor  #: one for all images, or one each, (N,)
AT_ONCE = 64  #: images that are differentiated together
NORMS = ("linf", "l2")  #: the largest change of a value, or the length of all changes as one vector


# --- what an attack raises ------------------------------------------------------------------------------------------


def impersonation(model: Backbone) -> Loss:
    """The cosine of images to the vectors ``(N, D)``, of length 1, of those whom they shall be taken for."""

    def loss(images: Tensor, vectors: Tensor) -> Tensor:
        was_training = model.training
        model.eval()  # or each image would change the others' answers, and the network its statistics
        try:
            return (model.embed(images) * vectors).sum(1)
        finally:
            model.train(was_training)

    return loss


def dodging(model: Backbone) -> Loss:
    """Minus the cosine to the vectors of those as whom images shall *not* be recognised.

    Take the vectors of other images: where an image is compared with itself the gradient is zero.
    """
    similar = impersonation(model)
    return lambda images, vectors: -similar(images, vectors)


def gradient_of(loss: Loss, images: Tensor, targets: Tensor) -> Tensor:
    """Of the loss, by each image; the weights' own gradients stay as they are."""
    if len(images) != len(targets):
        raise ValueError(f"{len(images)} images and {len(targets)} targets; give each image its own")
    parts = []
    for some, their in zip(images.split(AT_ONCE), targets.split(AT_ONCE)):
        some = some.detach().requires_grad_()
        with torch.enable_grad():
            value = loss(some, their).sum()
        part = torch.autograd.grad(value, some, allow_unused=True)[0] if value.requires_grad else None
        if part is None:
            raise ValueError(
                "the loss has no gradient by the images: it rounds, detaches, or runs under no_grad or inference_mode"
            )
        parts.append(part)
    gradient = torch.cat(parts)
    if not gradient.isfinite().all():
        raise FloatingPointError("the gradient by the images holds NaN or infinity; look at the loss")
    return gradient


# --- attacks --------------------------------------------------------------------------------------------------------


@torch.no_grad()
def fgsm(loss: Loss, images: Tensor, targets: Tensor, eps: Size = 8 / 255) -> Tensor:
    """Each value goes ``eps`` up or down, as the gradient says (Goodfellow et al. 2015, section 4).

    Images float ``(N, 3, H, W)`` in [0, 1], and so is the result. ``ValueError`` where ``eps`` is no size.
    """
    return (images + _sizes("eps", eps, images) * gradient_of(loss, images, targets).sign()).clamp(0, 1)


@torch.no_grad()
def pgd(
    loss: Loss,
    images: Tensor,
    targets: Tensor,
    eps: Size = 8 / 255,
    alpha: Size = 2 / 255,
    steps: int = 10,
    norm: str = "linf",
    seed: int | None = 0,
) -> Tensor:
    """Steps of ``alpha``, each brought back to at most ``eps`` from the image (Madry et al. 2018, section 2.1).

    It starts at a random place within ``eps``, or with ``seed=None`` at the image: then it is :func:`bim`.
    ``norm`` is ``"linf"``, or ``"l2"``, where ``eps`` and ``alpha`` are lengths of the whole change.
    """
    if norm not in NORMS:
        raise ValueError(f"norm={norm!r} is none of {', '.join(NORMS)}")
    largest = 1.0 if norm == "linf" else math.prod(images.shape[1:]) ** 0.5  # from black to white
    eps, alpha = _sizes("eps", eps, images, largest), _sizes("alpha", alpha, images, largest)
    moved = images if seed is None else (images + eps * _anywhere(images, norm, seed)).clamp(0, 1)
    for _ in range(steps):
        gradient = gradient_of(loss, moved, targets)
        step = gradient.sign() if norm == "linf" else gradient / _length(gradient)
        change = moved + alpha * step - images
        change = change.clamp(-eps, eps) if norm == "linf" else change * (eps / _length(change)).clamp(max=1)
        moved = (images + change).clamp(0, 1)
    return moved


def bim(
    loss: Loss, images: Tensor, targets: Tensor, eps: Size = 8 / 255, alpha: Size = 2 / 255, steps: int = 10
) -> Tensor:
    """FGSM in small steps: :func:`pgd` without a random start (Kurakin et al. 2017, section 2.2)."""
    return pgd(loss, images, targets, eps, alpha, steps, seed=None)


@torch.no_grad()
def mim(
    loss: Loss,
    images: Tensor,
    targets: Tensor,
    eps: Size = 8 / 255,
    alpha: Size = 2 / 255,
    steps: int = 10,
    decay: float = 1.0,
) -> Tensor:
    """BIM along a running sum of gradients (MI-FGSM: Dong et al. 2018, algorithm 1)."""
    eps, alpha = _sizes("eps", eps, images), _sizes("alpha", alpha, images)
    moved, momentum = images, torch.zeros_like(images)
    for _ in range(steps):
        gradient = gradient_of(loss, moved, targets)
        momentum = decay * momentum + gradient / _above_0(gradient.abs().mean((1, 2, 3), keepdim=True))
        moved = (images + (moved + alpha * momentum.sign() - images).clamp(-eps, eps)).clamp(0, 1)
    return moved


class Smallest(NamedTuple):
    """The smallest change with which an attack succeeded."""

    eps: Tensor  # (N,), infinite where none did
    images: Tensor  # (N, 3, H, W), as they were where none did


@torch.no_grad()
def smallest_eps(
    attack: Callable[[Tensor], Tensor],
    succeeds: Callable[[Tensor], Tensor],
    images: Tensor,
    largest: float = 64 / 255,
    rounds: int = 12,
) -> Smallest:
    """How large a change an attack needs for each image: doubled until it succeeds, then halved in between.

    RobFR (Yang et al. 2020) measures robustness by the median over images.

    Args:
        attack: a size for each image ``(N,)`` to changed images.
        succeeds: images to booleans ``(N,)``, on any device.
        largest: what is tried at most; a sixty-fourth of it comes first.
        rounds: how often all images are attacked; from 7 on ``largest`` is reached.
    """

    def wins(moved: Tensor) -> Tensor:
        won = succeeds(moved)
        if won.dtype != torch.bool or won.shape != (len(images),):
            raise ValueError(
                f"succeeds gave {won.dtype} {tuple(won.shape)}: give one boolean for each of {len(images)} images"
            )
        return won.to(images.device)

    eps = torch.full((len(images),), torch.inf, device=images.device)
    failed, best = torch.zeros_like(eps), images.clone()
    eps[wins(images)] = 0
    for _ in range(rounds):
        trial = torch.where(eps.isinf(), (2 * failed).clamp(largest / 64, largest), (failed + eps) / 2)
        with torch.enable_grad():  # an attack that is not of this module may not see to it
            moved = attack(trial)
        won = wins(moved) & (trial < eps)
        best[won], eps = moved[won], torch.where(won, trial, eps)
        failed = torch.where(won, failed, trial)
    return Smallest(eps, best)


# --- sizes ----------------------------------------------------------------------------------------------------------


def _sizes(name: str, size: Size, images: Tensor, largest: float = 1.0) -> Tensor:
    """A size as ``(N, 1, 1, 1)`` or a scalar; looks at the images, too."""
    check_images(images)
    size = torch.as_tensor(size, dtype=images.dtype, device=images.device)
    if size.shape not in ((), (len(images),)):
        raise ValueError(f"{name} {tuple(size.shape)}: give one size for all, or one for each of {len(images)} images")
    if not ((size >= 0) & (size <= largest)).all():
        raise ValueError(f"{name}={size.tolist()}: sizes are from 0 to {largest:g}, one grey level is 1 / 255")
    return size.view(-1, 1, 1, 1) if size.dim() else size


def _length(change: Tensor) -> Tensor:
    return _above_0(change.flatten(1).norm(dim=1).view(-1, 1, 1, 1))


def _above_0(divisor: Tensor) -> Tensor:
    return divisor.clamp(min=torch.finfo(divisor.dtype).tiny)


def _anywhere(images: Tensor, norm: str, seed: int) -> Tensor:
    """A random place in the ball of size 1 for each image."""
    random = torch.Generator().manual_seed(seed)
    if norm == "linf":
        return (2 * torch.rand(images.shape, generator=random) - 1).to(images)
    direction, far = torch.randn(images.shape, generator=random), torch.rand(len(images), 1, 1, 1, generator=random)
    return (far * direction / _length(direction)).to(images)
