"""Homework 8: change an image a little, so that a network takes it for another person.

The network is ``embed(images) = normalize(tanh(images.flatten(1) @ weight1.T) @ weight2.T)``, with ``normalize`` along
the last side, ``weight1`` (H, P) and ``weight2`` (D, H), where P is the number of values of an image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.grading import Answer, Mistake, Row, alike, called, compare, numbers, runs

Slope, Sizes = Callable[[Tensor], Tensor], tuple[float, float]  # a gradient by images; eps and alpha
WITHIN = 1e-5  #: a value of an image is right so exactly
Network = tuple[Tensor, Tensor, Tensor, Tensor]  #: images (N, C, H, W), targets (N, D) of length 1, and the weights
ERRORS = (  # what PyTorch says, and what it means here
    ("does not require grad", "detached", "the loss does not depend on the images: were they or the loss detached?"),
    ("only for scalar", "vector_loss", "backward starts from one number: take the sum of the images' cosines"),
)
#: What goes wrong in a step, as other arguments of :func:`_attacked`.
STEPS = (
    ("no_clip", {"clip": (-1e9, 1e9)}, "values outside [0, 1] are no image; clip them at the end"),
    ("no_clip", {"clip": (-1e9, 1.0)}, "values below 0 are no image; clip them, too"),
    ("clip_to_bytes", {"clip": (0.0, 255.0)}, "values above 1 stay; images are in [0, 1] here, not in [0, 255]"),
    ("sign", {"by": lambda g: -g.sign()}, "the sign is reversed: a plus leads to the target, a minus away from it"),
    ("no_sign", {"by": lambda g: g}, "the gradient itself is added; only its sign counts"),
    ("no_sign", {"by": lambda g: g, "about": "none"}, "the gradient itself is added; only its sign counts"),
    ("zero_gradient", {"by": lambda g: 2.0 * (g > 0) - 1}, "where the gradient is zero, the value should stay"),
    ("zero_gradient", {"by": lambda g: 2.0 * (g >= 0) - 1}, "where the gradient is zero, the value should stay"),
    ("no_projection", {"about": "none"}, "the whole change is larger than eps; bring it back after each step"),
    ("about_current", {"about": "current"}, "the change is limited about the current image; limit it about the start"),
    ("order", {"about": "before"}, "the change is limited before the step, which leads out again; limit it afterwards"),
    ("l2", {"about": "length"}, "the length of the whole change is limited; limit each value's change"),
    ("reused", {"memory": "reused"}, "one gradient serves all steps; compute it anew, at the changed image"),
    ("accumulated", {"memory": "sum"}, "gradients of several steps add up: .grad is not set back to zero"),
)
LEVELS = "sizes are divided or multiplied by 255 once more; they already belong to images in [0, 1]"


def network(seed: int = 0, count: int = 3, shape: tuple[int, int, int] = (3, 4, 5), dim: int = 6) -> Network:
    """Images (count, *shape) in [0, 1], some values at its ends, targets (count, dim) of length 1, and the weights."""
    random = torch.Generator().manual_seed(seed)
    images = (1.4 * torch.rand(count, *shape, generator=random) - 0.2).clamp(0, 1)
    targets = F.normalize(torch.randn(count, dim, generator=random))
    weight1 = 0.7 * torch.randn(2 * dim, images[0].numel(), generator=random)
    return images, targets, weight1, torch.randn(dim, 2 * dim, generator=random)


def reached(seed: int) -> Network:
    """As :func:`network`, with targets that the images have reached already."""
    images, _, weight1, weight2 = network(seed)
    return images, F.normalize(torch.tanh(images.flatten(1) @ weight1.T) @ weight2.T), weight1, weight2


def step_case(seed: int, drift: float, shape: tuple[int, ...] = (2, 3, 4, 5)) -> tuple[Tensor, Tensor, Tensor]:
    """Images up to ``drift`` from a start, both in [0, 1], and a gradient with some zeros."""
    random = torch.Generator().manual_seed(seed)
    start = (1.4 * torch.rand(shape, generator=random) - 0.2).clamp(0, 1)
    images = (start + drift * (2 * torch.rand(shape, generator=random) - 1)).clamp(0, 1)
    gradient = torch.randn(shape, generator=random)
    return images, start, gradient * (torch.rand(shape, generator=random) > 0.1)


def _called(answer: Answer, *arguments: object) -> object:
    """As :func:`called`; names what PyTorch says when a gradient is lost."""
    try:
        return called(answer, *arguments)
    except (Mistake, RuntimeError) as error:
        for words, kind, text in ERRORS:
            if words in str(error):
                raise Mistake(kind, text) from None
        raise


def _slope(images: Tensor, targets: Tensor, weight1: Tensor, weight2: Tensor, unit: Callable = F.normalize) -> Tensor:
    """The gradient of the sum of the images' cosines; with another ``unit`` of something else."""
    leaf = images.clone().requires_grad_()
    vectors = unit(torch.tanh(leaf.flatten(1) @ weight1.T) @ weight2.T)
    return torch.autograd.grad((vectors * targets).sum(), leaf)[0]


def _other_losses(images: Tensor, targets: Tensor, *weights: Tensor) -> list[tuple[str, tuple, str]]:
    """What else an answer may climb: kinds, arguments of :func:`_slope` beside the images, and texts."""
    ones, every, first = 0 * targets + 1, targets.sum(0, keepdim=True), targets[:1]
    return [
        ("not_cosine", (targets, *weights, lambda raw: raw), "this is no cosine: no embedding was brought to length 1"),
        ("no_target", (ones, *weights), "the target is not used"),
        ("all_targets", (every, *weights), "each image goes to all targets; take its own one alone"),
        ("first_target", (first, *weights), "all images go to the first target; take each image's own one"),
    ]


def similarity_gradient(answer: Answer, images: Tensor, targets: Tensor, weight1: Tensor, weight2: Tensor) -> None:
    """``answer(images, targets, weight1, weight2)``: the gradient of a cosine by each image, ``(N, C, H, W)``.

    It is the cosine of ``embed(image)`` and the image's own target.
    """
    got = numbers("the gradient", _called(answer, images, targets, weight1, weight2), images.shape)
    exact, *others = (one.double() for one in (images, targets, weight1, weight2))
    right, is_first = _slope(exact, *others), (torch.arange(len(images)) == 0).view(-1, 1, 1, 1)
    mistakes: list[Row] = [
        ("no_gradient", right * 0, "it is zero everywhere: was the embedding detached, or compared with itself?"),
        ("sign", -right, "the sign is reversed: these steps lead away from the target"),
        ("mean", right / len(exact), "it is divided by the number of images: sum the cosines, do not average them"),
        ("signed", right.sign(), "this is the sign of the gradient; return the gradient itself"),
        ("scaled", F.normalize(right.flatten(1)).view_as(right), "each gradient was brought to length 1"),
        ("first_image", right * is_first, "only the first image has a gradient; sum the cosines of all"),
    ]
    mistakes += [(kind, _slope(exact, *given), text) for kind, given, text in _other_losses(exact, *others)]
    compare("the gradient", got, right, mistakes, WITHIN)


def _attacked(images: Tensor, start: Tensor, slope: Slope, sizes: Sizes, steps: int = 1, **wrong: object) -> Tensor:
    """So many steps along the sign of the gradient ``slope(images)``, or ``wrong`` ones as in STEPS."""
    (eps, alpha), moved, gradient = sizes, images, 0 * images
    by, about, memory = wrong.get("by", torch.sign), wrong.get("about", "start"), wrong.get("memory")
    for step in range(steps):
        if memory != "reused" or not step:
            gradient = slope(moved) + (gradient if memory == "sum" else 0)
        if about == "before":
            moved = start + (moved - start).clamp(-eps, eps)
        centre, moved = (moved if about == "current" else start), moved + alpha * by(gradient)
        if about in ("start", "current"):
            moved = centre + (moved - centre).clamp(-eps, eps)
        elif about == "length":
            moved = start + (moved - start).flatten(1).renorm(2, 0, eps).view_as(moved)
        moved = moved.clamp(*wrong.get("clip", (0.0, 1.0)))
    return moved


def _compare(got: Tensor, at: Callable[..., Tensor], sizes: Sizes, start: Tensor, more: Sequence[Row] = ()) -> None:
    """The images with those of the attack ``at``, which takes eps and alpha, and what STEPS says."""
    right = at(sizes)
    if alike(got, right, WITHIN):
        return
    factors = [(a, b) for a in (1 / 255, 1, 255) for b in (1 / 255, 1, 255)]
    mistakes: list[Row] = [
        *((kind, at(sizes, **how), text) for kind, how, text in STEPS),
        ("alpha", at((sizes[0], sizes[0])), "a step should have the size alpha, not eps"),
        ("no_projection", at(sizes, about="none", clip=(-1e9, 1e9)), "neither the change nor the values have a limit"),
        ("change_only", right - start, "this is the change alone; add it to the images"),
        *more,
        *(("eps_levels", at((a * sizes[0], b * sizes[1])), LEVELS) for a, b in factors),
    ]
    compare("the images", got, right, mistakes, WITHIN)


def fgsm(answer: Answer, images: Tensor, gradient: Tensor, eps: float) -> None:
    """``answer(images, gradient, eps)``: images one step of ``eps`` along the sign of the gradient, in [0, 1]."""
    pgd_step(lambda images, _, *given: answer(images, *given[:2]), images, images, gradient, eps, eps)


def pgd_step(answer: Answer, images: Tensor, start: Tensor, gradient: Tensor, eps: float, alpha: float) -> None:
    """``answer(images, start, gradient, eps, alpha)``: images after one step of PGD, ``(N, C, H, W)``.

    After a step of ``alpha`` from ``images`` each value is brought to at most ``eps`` from ``start``, and to [0, 1].
    """
    got = numbers("the images", called(answer, images, start, gradient, eps, alpha), images.shape)
    exact, origin, slope = images.double(), start.double(), gradient.double()

    def at(sizes: Sizes, begin: Tensor = exact, **how: object) -> Tensor:
        return _attacked(begin, origin, lambda _: slope, sizes, **how)

    more = [
        ("from_start", at((eps, alpha), origin), "the step begins at the start, not at the images"),
        ("change_only", alpha * slope.sign(), "this is the change alone; add it to the images"),
    ]
    _compare(got, at, (eps, alpha), origin, more)


def pgd(answer: Answer, *given: object) -> None:
    """``answer(images, targets, weight1, weight2, eps, alpha, steps)``: images ``(N, C, H, W)`` like their targets.

    So many steps as in ``pgd_step``, from the image itself (no random start), with ``similarity_gradient`` each time.
    """
    *network, eps, alpha, steps = given
    images, *others = (one.double() for one in network)
    got = numbers("the images", _called(answer, *given), images.shape)

    def at(sizes: Sizes, n: int = steps, others: Sequence = others, **how: object) -> Tensor:
        return _attacked(images, images, lambda moved: _slope(moved, *others), sizes, n, **how)

    sizes = eps, alpha
    more: list[Row] = [
        ("reused", at(sizes, min(steps, 1)), "it makes a single step. Is there a return inside the loop?"),
        ("steps", at(sizes, max(steps - 1, 0)), "it makes one step too few"),
        ("steps", at(sizes, steps + 1), "it makes one step too many"),
        *((kind, at(sizes, others=other), text) for kind, other, text in _other_losses(images, *others)),
    ]
    try:
        _compare(got, at, sizes, images, more)
    except Mistake as mistake:
        if mistake.kind == "value":
            away = _called(answer, network[0], -network[1], *given[2:])
            if alike(numbers("the images", away, images.shape), got, WITHIN):
                raise Mistake("no_target", "the images are the same whatever the targets are") from None
            still = _called(answer, *given[:-1], 0)
            if not alike(numbers("the images", still, images.shape), images, WITHIN):
                raise Mistake("random_start", "with no steps the images change: a random start?") from None
        raise


def bisect(answer: Answer, low: float, high: float, needed: float, rounds: int) -> None:
    """``answer(low, high, needed, rounds)``: the smallest size that is known to succeed after so many halvings.

    A size succeeds if it is at least ``needed``; ``low`` is known to fail, and ``high`` to succeed.
    """
    got = numbers("the size", called(answer, low, high, needed, rounds), ())

    def ends(count: int, wins: Callable[[float], bool] = lambda size: size >= needed) -> tuple[float, float]:
        a, b = low, high
        for _ in range(count):
            a, b = (a, (a + b) / 2) if wins((a + b) / 2) else ((a + b) / 2, b)
        return a, b

    a, b = ends(rounds)
    mistakes: list[Row] = [
        ("returns_low", a, "this is the largest size known to fail"),
        ("tie", ends(rounds, lambda size: size > needed)[1], "a size that equals the needed one succeeds, too"),
        ("steps", ends(rounds + 1)[1], "it makes one round too many"),
        ("steps", ends(max(rounds - 1, 0))[1], "it makes one round too few"),
        *(("stops_early", ends(count)[1], f"it stops after {count} of the rounds") for count in range(1, rounds - 1)),
        ("wrong_half", ends(rounds, lambda _: True)[1], "it always keeps the lower half"),
        ("wrong_half", high, "nothing is found: it keeps the wrong half, or does not halve"),
    ]
    if not any(abs(got - one) < 1e-6 for count in range(rounds + 1) for one in ends(count)):
        mistakes.append(("returns_middle", got, "this size was never tried; return one that is known to succeed"))
    compare("the size", got, torch.tensor(b).double(), mistakes, 1e-7)


PUBLIC = {
    "similarity_gradient": runs((similarity_gradient, *network()), (similarity_gradient, *reached(3))),
    "fgsm": runs((fgsm, *step_case(0, 0.0)[1:], 0.06)),
    "pgd_step": runs(
        (pgd_step, *step_case(1, 0.12), 0.08, 0.1),
        (pgd_step, *step_case(2, 0.06), 0.06, 0.02),
    ),
    "pgd": runs((pgd, *network(1), 0.1, 0.13, 3), (pgd, *network(2), 0.1, 0.03, 6)),
    "bisect": runs(
        (bisect, 1.0, 9.0, 2.4, 5), *((bisect, 0.0, 1.0, *given) for given in ((0.3, 4), (0.71, 6), (0.5, 2)))
    ),
}
