"""Homework 3: cosines to every class, and the margins of ArcFace and CosFace.

Features are ``(N, D)``, the class vectors ``(C, D)``, both of any length and not 0; identities are ``(N,)``, int64, in
``0..C - 1``. All are torch tensors, and results are to be learned from: the gradient goes to features and classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.grading import Answer, Mistake, compare, gradient, numbers

Margin = Callable[[Tensor, float], Tensor]
Faces = tuple[Tensor, Tensor, Tensor]


def faces(seed: int, count: int = 7, people: int = 5, dim: int = 5, longest: float = 0.9) -> Faces:
    """Features, class vectors, and whose the features are: 0.3 to 2.1 radians from their class; the last has none."""
    random = torch.Generator().manual_seed(seed)
    weight = F.normalize(torch.randn(people, dim, generator=random))
    who = torch.randperm(count, generator=random) % (people - 1)
    aside = torch.randn(count, dim, generator=random)
    aside = F.normalize(aside - (aside * weight[who]).sum(1, keepdim=True) * weight[who])
    angle = 0.3 + 1.8 * torch.rand(count, 1, generator=random)
    lengths = longest * (0.3 + 0.7 * torch.rand(count + people, 1, generator=random))
    return lengths[:count] * (weight[who] * angle.cos() + aside * angle.sin()), lengths[count:] * weight, who


def on_classes(sign: int = 1, dim: int = 4) -> Faces:
    """Features that equal a class vector, or its negative, but for the length: their own, and another's."""
    weight = torch.cat((torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]]), faces(3, 7, 3, 4)[1]))
    weight = F.pad(weight, (0, dim - 4))
    rows, who = torch.tensor([0, 1, 2, 3, 4, 5, 0, 3]), torch.tensor([0, 1, 2, 3, 4, 5, 1, 2])
    return sign * weight[rows] * torch.tensor([1.0, 2, 0.5, 3, 0.7, 1.3, 4, 1])[:, None], weight, who


def turning(m: float) -> Faces:
    """Features ever further from their class, from 0.05 radians to nearly pi, at right angles to all others."""
    angle = torch.cat((torch.linspace(0.05, torch.pi - m - 0.05, 9), torch.linspace(torch.pi - m + 0.02, 3.12, 7)))
    features = torch.stack((angle.sin(), angle.cos(), 0 * angle, 0 * angle), 1)
    return 2 * features, torch.tensor([[0.0, 0, 3, 0], [0, 0.5, 0, 0], [0, 0, 0, 1]]), torch.ones(16).long()


def _cosines(features: Tensor, weight: Tensor) -> Tensor:
    return features @ weight.T / features.norm(dim=1)[:, None] / weight.norm(dim=1)


def _arc(cosine: Tensor, m: float) -> Tensor:
    return (cosine.clamp(-1, 1).arccos() + m).cos()


def _cos(cosine: Tensor, m: float) -> Tensor:
    return cosine - m


def _own(cosines: Tensor, who: Tensor) -> Tensor:
    return who[:, None] == torch.arange(cosines.shape[1])


def _logits(features: Tensor, weight: Tensor, who: Tensor, s: float, m: float, margin: Margin) -> Tensor:
    cosines = _cosines(features, weight)
    return s * torch.where(_own(cosines, who), margin(cosines, m), cosines)


def _detached(features: Tensor, weight: Tensor, who: Tensor, s: float, m: float) -> Tensor:
    """The logits of ArcFace, and the gradient of those without a margin."""
    plain = s * _cosines(features, weight)
    return plain + (_logits(features, weight, who, s, m, _arc) - plain).detach()


def _no_cosines(features: Tensor, weight: Tensor) -> list[tuple[str, Tensor, str]]:
    """What comes of usual mistakes instead of cosines."""
    f, w = features / features.norm(dim=1)[:, None], weight / weight.norm(dim=1)[:, None]
    f0, w0 = features / features.norm(dim=0), weight / weight.norm(dim=0)
    square = w.shape[0] == w.shape[1]
    axis, whole = "a vector is brought to length 1 along the wrong axis", "one length for the whole matrix was taken"
    table = [
        ("dot_product", features @ weight.T, "these are dot products. Were the vectors brought to length 1?"),
        ("features_length", features @ w.T, "it depends on how long the features are"),
        ("weight_length", f @ weight.T, "it depends on how long the class vectors are"),
        *(("wrong_axis", a @ b.T, axis) for a, b in ((f, w0), (f0, w), (f0, w0), (features, w0))),
        *(("whole_norm", a @ b.T, whole) for a, b in ((f, weight / weight.norm()), (features / features.norm(), w))),
        ("whole_norm", features @ weight.T / features.norm() / weight.norm(), whole),
        ("normalised_again", F.normalize(f @ w.T, dim=1), "the cosines themselves were brought to length 1"),
    ]
    turned = "the class vectors are the rows of the matrix, and here its columns were used"
    return table + [("not_transposed", f @ one, turned) for one in (w, w0, weight) if square]


def _wrong(given: Sequence, margin: Margin) -> list[tuple[str, Tensor, str]]:
    """The logits that usual mistakes give."""
    features, weight, who, s, m = given
    c, other = _cosines(features, weight), _cos if margin is _arc else _arc
    own, wide, theta = _own(c, who), margin(c, m), c.arccos()
    there = own.any(0).expand_as(own)

    def logits(where: Tensor, taken: Tensor, rest: Tensor = c) -> Tensor:
        return s * torch.where(where, taken, rest)

    fallen, low = torch.tensor(m).sin() * m, -torch.tensor(m).cos()  # what the authors take away beyond pi, and where
    guarded = torch.where((c > low) | (margin is _cos), wide, c - fallen)
    early = margin((s * c).clamp(-1, 1) if margin is _arc else s * c, m)
    early_too = torch.where(s * c > low, early, s * c - fallen)
    outside = "the margin is on the wrong logits: only an image's true class has one"
    side = "only a part of the logits is multiplied by s"
    return [
        ("no_margin", s * c, "these are the logits without a margin"),
        ("no_scale", logits(own, wide) / s, "they were not multiplied by s"),
        ("scale_twice", logits(own, wide) * s, "they were multiplied by s twice"),
        *(("scale_one_side", one, side) for one in (logits(own, wide, c / s), logits(own, wide / s))),
        *(("scale_first", logits(own, one / s), "first the margin, then s") for one in (early, early_too)),
        ("sign", logits(own, margin(c, -m)), "the margin makes it easier for the true class, not harder"),
        *(("margin_everywhere", s * one, "every logit has a margin: it cancels out") for one in (wide, guarded)),
        *(("margin_on_others", logits(~own, one), outside) for one in (wide, guarded, margin(c, -m))),
        (
            "wrong_columns",
            logits(there, guarded),
            "each image has a margin at every class of the batch",
        ),
        ("degrees", logits(own, margin(c, m * torch.pi / 180)), "m is in radians, and degrees were taken"),
        ("degrees", logits(own, margin(c, m * 180 / torch.pi)), "m is in radians, and degrees were taken"),
        ("degrees", logits(own, (theta * 180 / torch.pi + m).cos()), "an angle in degrees went into a cosine"),
        ("another_margin", logits(own, other(c, m)), "ArcFace adds m to the angle, CosFace takes it from the cosine"),
        ("multiplied", logits(own, (m * theta).cos()), "the angle was multiplied by m; m is added"),
        ("multiplied", logits(own, m * c), "the cosine was multiplied by m"),
        ("easy_margin", logits(own & (c > 0), wide), "faces beyond a right angle from their class get no margin"),
        ("fall_back", logits(own, c - fallen), "what is for theta + m > pi is taken everywhere"),
        ("angle", logits(own, theta + m), "an angle is given, not its cosine"),
        *((kind, logits(own, margin(one, m), one), text) for kind, one, text in _no_cosines(features, weight)),
    ]


def slope(answer: Answer, arguments: Sequence, which: int, name: str) -> Tensor:
    """The gradient by an argument, which the student knows as ``name``; tells how it was lost."""
    try:
        return gradient(answer, arguments, which)
    except (Mistake, RuntimeError) as error:
        kind, text = getattr(error, "kind", "crash"), str(error)
        if "in-place operation" in text:
            raise Mistake("in_place", f"it writes into its own argument, {name}: make a new tensor instead") from None
        if kind == "no_gradient" or "requires grad" in text or "does not require grad" in text:
            raise Mistake("no_gradient", f"nothing is learned by {name}: the gradient is lost on the way") from None
        raise


def slopes(answer: Answer, given: Sequence, right: Callable, plain: Callable | None = None) -> None:
    """Compare the gradients by features and class vectors with those of ``right``; ``plain`` ignores the margin."""

    def of(function: Callable, which: int) -> Tensor:
        leaves = [one.double().requires_grad_() for one in given[:2]]
        return torch.autograd.grad(function(*leaves, *given[2:]).sum(), leaves[which])[0]

    for which, name in enumerate(("features", "weight")):
        got, wanted = slope(answer, given, which, name), of(right, which)
        lost = [("no_gradient", torch.zeros_like(wanted), f"nothing is learned by {name}")]
        if plain:
            text = "the value is right, and it learns as if there were no margin"
            lost.append(("margin_gradient", of(plain, which), text))
        along = (got * given[which]).sum(1).abs() > 1e-2 * (1 + got.norm(dim=1) * given[which].norm(dim=1))
        if along.any():
            lost.append(("norm_gradient", got, "no gradient goes through the length of the vectors"))
        compare(f"the gradient by {name}", got, wanted, lost, within=2e-3)


def cosine_logits(answer: Answer, features: Tensor, weight: Tensor) -> None:
    """``answer(features, weight)``: the cosine of each feature ``(N, D)`` to each class ``(C, D)``, ``(N, C)``."""
    got = numbers("the cosines", answer(features.clone(), weight.clone()), (len(features), len(weight)))
    f, w = features.double(), weight.double()
    right = _cosines(f, w)
    mistakes = [
        *_no_cosines(f, w),
        ("distance", 1 - right, "this is 1 - cosine; give the cosine"),
        ("angle", right.arccos(), "these are angles; give their cosines"),
        ("softmax", right.softmax(1), "this is a softmax; give the cosines alone"),
    ]
    if (got.abs() > 1.01).any():
        mistakes.append(("outside", got, "some are outside [-1, 1]. Is there a scale, or a vector not of length 1?"))
    compare("the cosines", got, right, mistakes)
    slopes(answer, (features, weight), _cosines)


def _margin_logits(answer: Answer, given: Sequence, margin: Margin) -> None:
    features, weight, who, s, m = given
    got = numbers("the logits", answer(features.clone(), weight.clone(), who.clone(), s, m), (len(who), len(weight)))
    exact = (features.double(), weight.double(), who, s, m)
    compare("the logits", got, _logits(*exact, margin), _wrong(exact, margin), within=5e-4)
    plain = _detached if margin is _arc else None
    slopes(answer, given, lambda *inputs: _logits(*inputs, margin), plain)


def cosface_logits(answer: Answer, *given: object) -> None:
    """``answer(features, weight, identities, s, m)``: ``(N, C)``, s (cos - m) for the true class, s cos for others."""
    _margin_logits(answer, given, _cos)


def arcface_logits(answer: Answer, *given: object) -> None:
    """``answer(features, weight, identities, s, m)``: ``(N, C)``.

    It is s cos(theta + m) for the true class, and s cos(theta) for the others; m is in radians, in (0, pi / 2). Where
    theta + m is above pi the true logit goes on falling as theta grows, and is at most s cos(theta); how is free.
    """
    _margin_logits(answer, given, _arc)


def finite_logits(answer: Answer, given: Faces, s: float, m: float) -> None:
    """As :func:`arcface_logits`; also where a feature equals a class vector all is finite, the gradient as well."""
    features, weight, who = given
    got = numbers("the logits", answer(*(one.clone() for one in given), s, m), (len(who), len(weight)))
    cosines = _cosines(features.double(), weight.double())
    judged = ~_own(cosines, who) | (cosines > -torch.tensor(m).cos())  # not beyond pi
    right = _logits(features.double(), weight.double(), who, s, m, _arc)
    if ((got - right).abs() > 0.03 * s)[judged].any():
        raise Mistake("border", "the logits are wrong where a feature equals a class vector. What is clamped, and how?")
    for which, name in enumerate(("features", "weight")):
        slope(answer, (*given, s, m), which, name)


def falling_logits(answer: Answer, s: float, m: float) -> None:
    """As :func:`arcface_logits`: the true logit falls as theta grows, and is never above s cos(theta)."""
    features, weight, who = turning(m)
    got = numbers("the logits", answer(features.clone(), weight.clone(), who.clone(), s, m), (len(who), len(weight)))
    _falls(got[:, 1] / s)
    if (got[:, 1] / s > _cosines(features, weight)[:, 1] + 1e-3).any():
        raise Mistake("past_pi", "beyond theta + m = pi the true logit is larger than the one without a margin")


def _falls(true: Tensor) -> None:
    if (true.diff() > 1e-4).any():
        raise Mistake(
            "past_pi", "beyond theta + m = pi it rewards a face for being further from its class. See cosines"
        )
    if true[-7] - true[-1] < 1e-3:
        raise Mistake("flat_past_pi", "beyond theta + m = pi nothing changes, so these faces are never pulled back")


def arcface_loss(answer: Answer, *given: object) -> None:
    """``answer(features, weight, identities, s, m)``: one number, the mean cross-entropy of the ArcFace logits."""
    features, weight, who, s, m = given
    got = numbers("the loss", answer(features.clone(), weight.clone(), who.clone(), s, m), ())
    exact = (features.double(), weight.double(), who, s, m)
    logits = _logits(*exact, _arc)
    right = F.cross_entropy(logits, who)
    mistakes = [
        ("sum", right * len(who), "this is the sum over the images; take the mean"),
        ("mean_of_all", right / len(weight), "the mean also goes over the classes; take it over the images"),
        ("negative", -right, "the sign is reversed: less likely must mean a higher loss"),
        ("softmax_twice", F.cross_entropy(logits.softmax(1), who), "softmax was taken twice"),
        ("likelihood", 1 - logits.softmax(1).gather(1, who[:, None]).mean(), "a logarithm is missing"),
        *((kind, F.cross_entropy(one, who), text) for kind, one, text in _wrong(exact, _arc)),
    ]
    compare("the loss", got, right, mistakes)

    def loss(*inputs: object) -> Tensor:
        return F.cross_entropy(_logits(*inputs, _arc), who)

    slopes(answer, given, loss, lambda *inputs: F.cross_entropy(_detached(*inputs), who))


def large_loss(answer: Answer, given: Faces, s: float = 120.0, m: float = 0.4) -> None:
    """As :func:`arcface_loss`, where exponentials are too large or too small for float32."""
    got = torch.as_tensor(answer(*(one.clone() for one in given), s, m)).detach().double().reshape(())
    right = F.cross_entropy(_logits(given[0].double(), given[1].double(), given[2], s, m, _arc), given[2])
    if not (got - right).abs() < 1e-3 * right:
        text = f"with s = {s:g} the loss is {float(got):.4g}, and {float(right):.4g} is right. Exponentials overflow"
        raise Mistake("overflow", text + " in float32. Torch has functions that take softmax and logarithm together")
    for which, name in enumerate(("features", "weight")):
        slope(answer, (*given, s, m), which, name)


def sound_loss(answer: Answer, given: Faces, s: float, m: float) -> None:
    """As :func:`arcface_loss`: finite where a feature equals a class vector, and rising with theta beyond pi - m."""
    numbers("the loss", answer(*(one.clone() for one in given), s, m), ())
    for which, name in enumerate(("features", "weight")):
        slope(answer, (*given, s, m), which, name)
    features, weight, who = turning(m)
    losses = [answer(features[k : k + 1].clone(), weight.clone(), who[:1].clone(), s, m) for k in range(len(who))]
    _falls(-torch.stack([numbers("the loss", one, ()) for one in losses]) / s)


def _public_logits(answer: Answer) -> None:
    arcface_logits(answer, *faces(0), 20.0, 0.5)
    arcface_logits(answer, *faces(1, 6, 4, 8, 4.0), 30.0, 0.3)
    finite_logits(answer, on_classes(), 20.0, 0.5)
    finite_logits(answer, on_classes(-1), 20.0, 0.5)
    falling_logits(answer, 20.0, 0.5)


def _public_loss(answer: Answer) -> None:
    arcface_loss(answer, *faces(0), 6.0, 0.5)
    large_loss(answer, faces(1))
    sound_loss(answer, on_classes(), 20.0, 0.5)


def _public_cosines(answer: Answer) -> None:
    cosine_logits(answer, *faces(0)[:2])
    cosine_logits(answer, *faces(1, 6, 4, 8, 4.0)[:2])


def _public_cosface(answer: Answer) -> None:
    cosface_logits(answer, *faces(0), 20.0, 0.35)
    cosface_logits(answer, *faces(1, 6, 4, 8, 4.0), 30.0, 0.2)


PUBLIC = {
    "cosine_logits": _public_cosines,
    "arcface_logits": _public_logits,
    "cosface_logits": _public_cosface,
    "arcface_loss": _public_loss,
}
