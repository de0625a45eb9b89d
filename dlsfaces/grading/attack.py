"""Homework 8: change an image a little, so that a network takes it for another person.

The network is ``embed(images) = normalize(tanh(images.flatten(1) @ weight1.T) @ weight2.T)``, with ``normalize`` along
the last side, ``weight1`` (H, P) and ``weight2`` (D, H), where P is the number of values of an image.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dlsfaces.grading import Answer, Mistake, alike, compare, numbers
from dlsfaces.grading.photos import called

WITHIN = 1e-5  #: a value of an image is right so exactly
UNIT, NO_CLIP = (0.0, 1.0), (-1e9, 1e9)
ERRORS = (  # what PyTorch says, and what it means here
    ("does not require grad", "detached", "the loss does not depend on the images: were they or the loss detached?"),
    ("only for scalar", "vector_loss", "backward starts from one number: take the sum of the images' cosines"),
)


def network(
    seed: int = 0, count: int = 3, shape: tuple[int, int, int] = (3, 4, 5), dim: int = 6
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images (count, *shape) in [0, 1], some values at its ends, targets (count, dim) of length 1, and the weights."""
    random = torch.Generator().manual_seed(seed)
    images = (1.4 * torch.rand(count, *shape, generator=random) - 0.2).clamp(0, 1)
    targets = torch.randn(count, dim, generator=random)
    weight1 = 0.7 * torch.randn(2 * dim, images[0].numel(), generator=random)
    weight2 = torch.randn(dim, 2 * dim, generator=random)
    return images, targets / targets.norm(dim=1, keepdim=True), weight1, weight2


def _called(answer: Answer, *arguments: object) -> object:
    """As :func:`called`; names what PyTorch says when a gradient is lost."""
    try:
        return called(answer, *arguments)
    except Mistake as mistake:
        for words, kind, text in ERRORS:
            if words in str(mistake):
                raise Mistake(kind, text) from None
        raise


def _slope(images: Tensor, targets: Tensor, weight1: Tensor, weight2: Tensor, is_cosine: bool = True) -> Tensor:
    """The gradient by the rules of calculus, of the cosine or of the dot product with a vector of any length."""
    inner = torch.tanh(images.flatten(1) @ weight1.T)
    raw = inner @ weight2.T
    length = raw.norm(dim=1, keepdim=True)
    along = (raw * targets).sum(1, keepdim=True)
    by_raw = targets / length - raw * along / length**3 if is_cosine else targets
    return ((by_raw @ weight2 * (1 - inner**2)) @ weight1).view_as(images)


def similarity_gradient(answer: Answer, images: Tensor, targets: Tensor, weight1: Tensor, weight2: Tensor) -> None:
    """``answer(images, targets, weight1, weight2)``: the gradient of a cosine by each image, ``(N, C, H, W)``.

    It is the cosine of ``embed(image)`` and the image's own target. Images ``(N, C, H, W)``, targets ``(N, D)`` of
    length 1, ``weight1`` (H, P) and ``weight2`` (D, H) as this module says.
    """
    got = numbers("the gradient", _called(answer, images, targets, weight1, weight2), images.shape)
    given = [one.double() for one in (images, targets, weight1, weight2)]
    exact, own, *weights = given
    right, first = _slope(*given), torch.zeros_like(exact)
    first[0] = right[0]
    unit = right / right.flatten(1).norm(dim=1).view(-1, 1, 1, 1).clamp(min=1e-12)
    lead, every = own[:1].expand_as(own), own.sum(0, keepdim=True).expand_as(own)
    mistakes = [
        ("no_gradient", right * 0, "it is zero everywhere: was the embedding detached, or compared with itself?"),
        ("sign", -right, "the sign is reversed: these steps lead away from the target"),
        ("mean", right / len(exact), "it is divided by the number of images: sum the cosines, do not average them"),
        ("signed", right.sign(), "this is the sign of the gradient; return the gradient itself"),
        ("scaled", unit, "each image's gradient was brought to length 1; return it as it is"),
        ("not_cosine", _slope(*given, is_cosine=False), "this is no cosine: the embedding was not brought to length 1"),
        ("not_cosine", _slope(*given, is_cosine=False) / len(exact), "this is no cosine, and a mean over the images"),
        ("no_target", _slope(exact, own * 0 + 1, *weights), "the target is not used"),
        ("no_target", _slope(exact, own * 0 + 1, *weights, is_cosine=False), "the target is not used"),
        ("all_targets", _slope(exact, every, *weights), "each image goes to all targets; take its own one alone"),
        ("all_targets", _slope(exact, every, *weights) / len(own), "each image goes to all targets; take its own one"),
        ("all_targets", _slope(exact, every, *weights) / len(own) ** 2, "each image goes to all targets; take its own"),
        ("first_target", _slope(exact, lead, *weights), "all images go to the first target; take each image's own one"),
        ("first_image", first, "only the first image has a gradient; sum the cosines of all"),
    ]
    compare("the gradient", got, right, mistakes, WITHIN)


def _stepped(
    images: Tensor,
    start: Tensor,
    direction: Tensor,
    eps: float,
    alpha: float,
    about: str = "start",
    clip: tuple[float, float] = UNIT,
) -> Tensor:
    """A step and what comes after it; with another ``about`` or ``clip`` a mistake."""
    if about == "before":
        images = start + (images - start).clamp(-eps, eps)
    moved = images + alpha * direction
    if about in ("start", "current"):
        centre = start if about == "start" else images
        moved = torch.minimum(torch.maximum(moved, centre - eps), centre + eps)
    return moved.clamp(*clip)


CLIPS = (
    ("no_clip", NO_CLIP, "values outside [0, 1] are no image; clip them at the end"),
    ("no_clip", (-1e9, 1.0), "values below 0 are no image; clip them, too"),
    ("clip_to_bytes", (0.0, 255.0), "values above 1 stay; images are in [0, 1] here, not in [0, 255]"),
)
TEXTS = {
    "sign": "the sign is reversed: a plus leads to the target, a minus away from it",
    "no_sign": "the gradient itself is added; only its sign counts",
    "eps_levels": "sizes are divided or multiplied by 255 once more; they already belong to images in [0, 1]",
    "zero_gradient": "where the gradient is zero, the value should stay: the sign of 0 is 0",
    "about_current": "the change is limited about the current image; limit it about the start",
    "order": "the change is limited before the step, so that the step leads out again; limit it after the step",
    "no_projection": "the whole change is larger than eps; bring it back after each step",
    "alpha": "a step should have the size alpha, not eps",
    "reused": "it looks like a single step, or like one gradient for all; compute it anew, at the changed image",
    "accumulated": "gradients of several steps add up: .grad is not set back to zero",
}


def _told(*pairs: tuple[str, Tensor]) -> list[tuple[str, object, str]]:
    return [(kind, value, TEXTS[kind]) for kind, value in pairs]


def fgsm(answer: Answer, images: Tensor, gradient: Tensor, eps: float) -> None:
    """``answer(images, gradient, eps)``: images one step of ``eps`` along the sign of the gradient, clipped to [0, 1].

    Images and gradient ``(N, C, H, W)``, images in [0, 1]. Where the gradient is zero, the value stays.
    """
    got = numbers("the images", called(answer, images, gradient, eps), images.shape)
    exact, slope = images.double(), gradient.double()
    sign, length = slope.sign(), slope.flatten(1).norm(dim=1).view(-1, 1, 1, 1)

    def at(direction: Tensor, size: float = eps, clip: tuple[float, float] = UNIT) -> Tensor:
        return _stepped(exact, exact, direction, size, size, "none", clip)

    mistakes = [
        *((kind, at(sign, clip=clip), text) for kind, clip, text in CLIPS),
        *_told(
            ("sign", at(-sign)),
            ("sign", at(-sign, clip=NO_CLIP)),
            *(("no_sign", at(slope / by, clip=clip)) for by in (1, length) for clip in (UNIT, NO_CLIP)),
            ("zero_gradient", at(torch.where(slope > 0, 1.0, -1.0).double())),
            ("zero_gradient", at(torch.where(slope >= 0, 1.0, -1.0).double())),
            ("eps_levels", at(sign, eps / 255)),
        ),
        ("change_only", eps * sign, "this is the change alone; add it to the images"),
        *(
            ("eps_ignored", at(sign, 1.0, clip), "the step is far too large; is eps used as it is?")
            for clip in (UNIT, NO_CLIP)
        ),
    ]
    compare("the images", got, at(sign), mistakes, WITHIN)


def pgd_step(answer: Answer, images: Tensor, start: Tensor, gradient: Tensor, eps: float, alpha: float) -> None:
    """``answer(images, start, gradient, eps, alpha)``: images after one step of PGD, ``(N, C, H, W)``.

    A step of ``alpha`` along the sign of the gradient leads from ``images``. Then each value is brought back to at most
    ``eps`` from ``start``, and to [0, 1]. Images, start and gradient ``(N, C, H, W)``, the first two in [0, 1].
    """
    got = numbers("the images", called(answer, images, start, gradient, eps, alpha), images.shape)
    exact, origin, slope = images.double(), start.double(), gradient.double()
    sign = slope.sign()

    def at(direction: Tensor = sign, e: float = eps, a: float = alpha, **how: object) -> Tensor:
        return _stepped(exact, origin, direction, e, a, **how)

    right = at()
    change = exact + alpha * sign - origin
    in_l2 = change * (eps / change.flatten(1).norm(dim=1).clamp(min=1e-12)).clamp(max=1).view(-1, 1, 1, 1)
    mistakes = [
        *((kind, at(clip=clip), text) for kind, clip, text in CLIPS),
        *_told(
            ("sign", at(-sign)),
            ("no_sign", at(slope)),
            ("zero_gradient", at(torch.where(slope > 0, 1.0, -1.0).double())),
            ("zero_gradient", at(torch.where(slope >= 0, 1.0, -1.0).double())),
            ("no_projection", at(about="none")),
            ("no_projection", at(about="none", clip=NO_CLIP)),
            ("about_current", at(about="current")),
            ("order", at(about="before")),
            ("alpha", at(a=eps)),
            *(("eps_levels", at(e=e, a=a)) for e in (eps, eps / 255) for a in (alpha, alpha / 255)),
        ),
        ("from_start", _stepped(origin, origin, sign, eps, alpha), "the step begins at the start, not at the images"),
        ("change_only", right - origin, "this is the change alone; add it to the start"),
        ("l2", (origin + in_l2).clamp(0, 1), "the length of the whole change is limited; limit each value's change"),
    ]
    compare("the images", got, right, mistakes, WITHIN)


def _attacked(
    given: list[Tensor],
    eps: float,
    alpha: float,
    steps: int,
    slope: Callable[..., Tensor] = _slope,
    sign: float = 1.0,
    memory: str = "",
    **how: object,
) -> Tensor:
    """The whole attack; ``memory`` is "reused" or "accumulated" for gradients that are not computed anew."""
    start, *network = given
    moved, gradient = start, torch.zeros_like(start)
    for step in range(steps):
        if memory != "reused" or not step:
            gradient = slope(moved, *network) + (gradient if memory == "accumulated" else 0)
        direction = sign * (gradient if memory == "no_sign" else gradient.sign())
        moved = _stepped(moved, start, direction, eps, alpha, **how)
    return moved


def pgd(
    answer: Answer,
    images: Tensor,
    targets: Tensor,
    weight1: Tensor,
    weight2: Tensor,
    eps: float,
    alpha: float,
    steps: int,
) -> None:
    """``answer(images, targets, weight1, weight2, eps, alpha, steps)``: images ``(N, C, H, W)`` like their targets.

    So many steps as in ``pgd_step``, from the image itself (no random start), each along the sign of the gradient of
    ``similarity_gradient`` at the image as it is by then. With no steps the images come back as they were.
    """
    arguments = (images, targets, weight1, weight2, eps, alpha, steps)
    got = numbers("the images", _called(answer, *arguments), images.shape)
    given = [one.double() for one in arguments[:4]]
    own = given[1]

    def at(e: float = eps, a: float = alpha, n: int = steps, towards: Tensor = own, **how: object) -> Tensor:
        return _attacked([given[0], towards, *given[2:]], e, a, n, **how)

    right, levels = at(), (1 / 255, 1, 255)
    if alike(got, right, WITHIN):
        return
    dot, every, lead = (
        lambda *all_: _slope(*all_, is_cosine=False),
        own.sum(0, keepdim=True) + 0 * own,
        own[:1] + 0 * own,
    )
    mistakes = [
        *((kind, at(clip=clip), text) for kind, clip, text in CLIPS),
        *_told(
            ("sign", at(sign=-1)),
            ("no_sign", at(memory="no_sign")),
            ("no_projection", at(about="none")),
            ("no_projection", at(about="none", clip=NO_CLIP)),
            ("about_current", at(about="current")),
            ("order", at(about="before")),
            ("reused", at(memory="reused")),
            ("reused", at(n=min(steps, 1))),
            ("accumulated", at(memory="accumulated")),
            ("alpha", at(a=eps)),
            *(("eps_levels", at(eps * e, alpha * a)) for e in levels for a in levels),
        ),
        ("steps", at(n=max(steps - 1, 0)), "it makes one step too few"),
        ("steps", at(n=steps + 1), "it makes one step too many"),
        ("not_cosine", at(slope=dot), "the embedding is not brought to length 1: this is a dot product"),
        ("all_targets", at(towards=every), "each image goes to all targets; take its own one alone"),
        ("first_target", at(towards=lead), "all images go to the first target; take each image's own one"),
        ("change_only", right - given[0], "this is the change alone; add it to the images"),
    ]
    for kind, value, text in mistakes:
        if not alike(value, right, WITHIN) and alike(got, value, WITHIN):
            raise Mistake(kind, f"the images: {text}")
    away = numbers("the images", _called(answer, images, -targets, *arguments[2:]), images.shape)
    if alike(away, got, WITHIN):
        raise Mistake("no_target", "the images: they are the same whatever the targets are")
    still = numbers("the images", _called(answer, *arguments[:-1], 0), images.shape)
    if not alike(still, given[0], WITHIN):
        raise Mistake("random_start", "with no steps the images change. Does it begin at a random place?")
    compare("the images", got, right, within=WITHIN)


def bisect(answer: Answer, low: float, high: float, needed: float, rounds: int) -> None:
    """``answer(low, high, needed, rounds)``: the smallest size that is known to succeed after so many halvings.

    A size succeeds if it is at least ``needed``; ``low`` is known to fail, and ``high`` to succeed. Each round tries
    the middle of the interval. With no rounds it is ``high``.
    """
    got = numbers("the size", called(answer, low, high, needed, rounds), ())

    def ends(count: int, is_tie: bool = False, is_whole: bool = False) -> tuple[float, float]:
        a, b = low, high
        for _ in range(count):
            middle = (a + b) // 2 if is_whole else (a + b) / 2
            succeeds = middle > needed if is_tie else middle >= needed
            a, b = (a, middle) if succeeds else (middle, b)
        return a, b

    a, b = ends(rounds)
    mistakes = [
        ("whole_numbers", ends(rounds, is_whole=True)[1], "the middle is rounded; // gives whole numbers"),
        ("returns_low", a, "this is the largest size known to fail"),
        ("steps", ends(max(rounds - 1, 0))[1], "it makes one round too few"),
        ("steps", ends(rounds + 1)[1], "it makes one round too many"),
        ("returns_middle", (a + b) / 2, "this is a middle that was never tried; return one that is known to succeed"),
        ("tie", ends(rounds, is_tie=True)[1], "a size that equals the needed one succeeds, too"),
        ("needed", needed, "this is the needed size itself, which a search cannot know"),
        ("width", b - a, "this is how long the interval is; return its upper end"),
        ("wrong_half", low + (high - low) / 2**rounds, "it always keeps the lower half"),
        ("wrong_half", high - (high - low) / 2**rounds, "it keeps the wrong half"),
        ("wrong_half", high, "nothing is found: it keeps the wrong half, or does not halve"),
        *(("stops_early", ends(count)[1], f"it stops after {count} of the rounds") for count in range(1, rounds - 1)),
    ]
    compare("the size", got, torch.tensor(b).double(), mistakes, 1e-7)


def step_case(seed: int, drift: float, shape: tuple[int, ...] = (2, 3, 4, 5)) -> tuple[Tensor, Tensor, Tensor]:
    """Images up to ``drift`` from a start, both in [0, 1], and a gradient with some zeros."""
    random = torch.Generator().manual_seed(seed)
    start = (1.4 * torch.rand(shape, generator=random) - 0.2).clamp(0, 1)
    images = (start + drift * (2 * torch.rand(shape, generator=random) - 1)).clamp(0, 1)
    gradient = torch.randn(shape, generator=random)
    return images, start, gradient * (torch.rand(shape, generator=random) > 0.1)


def reached(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As :func:`network`, with targets that the images have reached already."""
    images, _, weight1, weight2 = network(seed)
    raw = torch.tanh(images.flatten(1) @ weight1.T) @ weight2.T
    return images, raw / raw.norm(dim=1, keepdim=True), weight1, weight2


def _public_gradient(answer: Answer) -> None:
    similarity_gradient(answer, *network())
    similarity_gradient(answer, *reached(3))


def _public_step(answer: Answer) -> None:
    pgd_step(answer, *step_case(1, 0.12), 0.08, 0.1)
    pgd_step(answer, *step_case(2, 0.06), 0.06, 0.02)


def _public_pgd(answer: Answer) -> None:
    pgd(answer, *network(1), 0.1, 0.13, 3)
    pgd(answer, *network(2), 0.1, 0.03, 6)


def _public_bisect(answer: Answer) -> None:
    bisect(answer, 1.0, 9.0, 2.4, 5)
    for needed, rounds in ((0.3, 4), (0.71, 6), (0.5, 2)):
        bisect(answer, 0.0, 1.0, needed, rounds)


PUBLIC = {
    "similarity_gradient": _public_gradient,
    "fgsm": lambda answer: fgsm(answer, *step_case(0, 0.0)[1:], 0.06),
    "pgd_step": _public_step,
    "pgd": _public_pgd,
    "bisect": _public_bisect,
}
