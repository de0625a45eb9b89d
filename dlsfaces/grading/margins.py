"""Homework 3: cosines to every class, and the margins of ArcFace and CosFace.

Features are ``(N, D)``, the class vectors ``(C, D)``, both of any length and not 0; identities are ``(N,)``, int64, in
``0..C - 1``. All are torch tensors, and results are to be learned from: the gradient goes to features and classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import cos, pi, sin

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.grading import Answer, Mistake, Row, called, compare, gradient, numbers, runs, slope_of

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
    angle = torch.cat((torch.linspace(0.05, pi - m - 0.05, 9), torch.linspace(pi - m + 0.02, 3.12, 7)))
    features = torch.stack((angle.sin(), angle.cos(), 0 * angle, 0 * angle), 1)
    return 2 * features, torch.tensor([[0.0, 0, 3, 0], [0, 0.5, 0, 0], [0, 0, 0, 1]]), torch.ones(16).long()


def _cosines(features: Tensor, weight: Tensor) -> Tensor:
    return F.normalize(features) @ F.normalize(weight).T


def _arc(cosine: Tensor, m: float) -> Tensor:
    """cos(theta + m); beyond theta + m = pi what ArcFace's authors take instead."""
    return torch.where(cosine > -cos(m), (cosine.clamp(-1, 1).arccos() + m).cos(), cosine - m * sin(m))


def _cos(cosine: Tensor, m: float) -> Tensor:
    return cosine - m


def _own(cosines: Tensor, who: Tensor) -> Tensor:
    return who[:, None] == torch.arange(cosines.shape[1])


def _logits(features: Tensor, weight: Tensor, who: Tensor, s: float, m: float, margin: Margin = _arc) -> Tensor:
    cosines = _cosines(features, weight)
    return s * torch.where(_own(cosines, who), margin(cosines, m), cosines)


def _no_cosines(features: Tensor, weight: Tensor) -> list[tuple[str, Tensor, str]]:
    """What comes of usual mistakes instead of cosines."""
    f, w, f0, w0 = F.normalize(features), F.normalize(weight), F.normalize(features, dim=0), F.normalize(weight, dim=0)
    whole = features / features.norm(), weight / weight.norm()
    axis, turned = "a vector is brought to length 1 along the wrong axis", "the class vectors are the matrix's rows"
    table = [
        ("dot_product", features @ weight.T, "these are dot products. Were the vectors brought to length 1?"),
        ("features_length", features @ w.T, "it depends on how long the features are"),
        ("weight_length", f @ weight.T, "it depends on how long the class vectors are"),
        *(("wrong_axis", a @ b.T, axis) for a, b in ((f, w0), (f0, w), (f0, w0))),
        ("whole_norm", whole[0] @ whole[1].T, "one length for the whole matrix was taken"),
        ("normalised_again", F.normalize(f @ w.T), "the cosines themselves were brought to length 1"),
    ]
    return table + [("not_transposed", f @ one, turned) for one in (w, w0) if w.shape[0] == w.shape[1]]


def _wrong(features: Tensor, weight: Tensor, who: Tensor, s: float, m: float, margin: Margin) -> list[Row]:
    """The logits that usual mistakes give."""
    c, other = _cosines(features, weight), _cos if margin is _arc else _arc
    own, wide, theta = _own(c, who), margin(c, m), c.arccos()

    def logits(taken: Tensor, rest: Tensor = c, where: Tensor = own) -> Tensor:
        return s * torch.where(where, taken, rest)

    radians, others = "m is in radians, and degrees were taken", "only an image's true class has a margin"
    return [
        ("no_margin", s * c, "these are the logits without a margin"),
        ("no_scale", logits(wide) / s, "they were not multiplied by s"),
        ("scale_twice", logits(wide) * s, "they were multiplied by s twice"),
        ("scale_one_side", logits(wide, c / s), "only a part of the logits is multiplied by s"),
        ("scale_one_side", logits(wide / s), "only a part of the logits is multiplied by s"),
        ("scale_first", logits(margin(s * c, m) / s), "first the margin, then s"),
        ("sign", logits(margin(c, -m)), "the margin makes it easier for the true class, not harder"),
        ("margin_everywhere", s * wide, "every logit has a margin: it cancels out"),
        ("margin_on_others", logits(c, wide), others),
        ("margin_on_others", logits(c, margin(c, -m)), others),
        ("wrong_columns", logits(wide, where=own.any(0)), "each image has a margin at every class of the batch"),
        ("degrees", logits(margin(c, m * pi / 180)), radians),
        ("degrees", logits((theta * 180 / pi + m).cos()), radians),
        ("another_margin", logits(other(c, m)), "ArcFace adds m to the angle, CosFace takes it from the cosine"),
        ("multiplied", logits((m * theta).cos()), "the angle was multiplied by m; m is added"),
        ("multiplied", logits(m * c), "the cosine was multiplied by m"),
        ("easy_margin", logits(wide, where=own & (c > 0)), "faces beyond a right angle from their class get no margin"),
        ("fall_back", logits(c - m * sin(m)), "what is for theta + m > pi is taken everywhere"),
        ("angle", logits(theta + m), "an angle is given, not its cosine"),
        *((kind, logits(margin(one, m), one), text) for kind, one, text in _no_cosines(features, weight)),
    ]


def slopes(answer: Answer, given: Sequence, right: Callable | None = None) -> None:
    """Compare the gradients by features and class vectors with those of ``right``; without it they must be finite."""
    for which, name in enumerate(("features", "weight")):
        got = gradient(answer, given, which, name)
        if right is None:
            continue
        exact, row = [*(one.double() for one in given[:2]), *given[2:]], given[which].double()
        wanted = slope_of(right, exact, which)
        lost: list[Row] = [("no_gradient", torch.zeros_like(wanted), f"nothing is learned by {name}")]
        if not F.cosine_similarity(got, row).abs().max() < 1e-2:
            lost.append(("norm_gradient", got, "no gradient goes through the length of the vectors"))
        compare(f"the gradient by {name}", got, wanted, lost, within=2e-3)


def cosine_logits(answer: Answer, features: Tensor, weight: Tensor) -> None:
    """``answer(features, weight)``: the cosine of each feature ``(N, D)`` to each class ``(C, D)``, ``(N, C)``."""
    got = numbers("the cosines", called(answer, features, weight), (len(features), len(weight)))
    right = _cosines(features.double(), weight.double())
    mistakes: list[Row] = [
        *_no_cosines(features.double(), weight.double()),
        ("distance", 1 - right, "this is 1 - cosine; give the cosine"),
        ("angle", right.arccos(), "these are angles; give their cosines"),
        ("softmax", right.softmax(1), "this is a softmax; give the cosines alone"),
    ]
    if (got.abs() > 1.01).any():
        mistakes.append(("outside", got, "some are outside [-1, 1]. Is there a scale, or a vector not of length 1?"))
    compare("the cosines", got, right, mistakes)
    slopes(answer, (features, weight), _cosines)


def _margin_logits(answer: Answer, *given: object, margin: Margin) -> None:
    features, weight, who, s, m = given
    got = numbers("the logits", called(answer, *given), (len(who), len(weight)))
    exact = (features.double(), weight.double(), who, s, m)
    right, cosines = _logits(*exact, margin), _cosines(*exact[:2])
    judged = (cosines > -cos(m)) | (margin is _cos)  # what a margin makes beyond pi is free
    rows: list[Row] = [(kind, one.where(judged, right), text) for kind, one, text in _wrong(*exact, margin)]
    compare("the logits", got.where(judged, right), right, rows, within=5e-4)
    compare("the logits", got, right, within=5e-4)
    slopes(answer, given, partial(_logits, margin=margin))


def cosface_logits(answer: Answer, *given: object) -> None:
    """``answer(features, weight, identities, s, m)``: ``(N, C)``, s (cos - m) for the true class, s cos for others."""
    _margin_logits(answer, *given, margin=_cos)


def arcface_logits(answer: Answer, *given: object) -> None:
    """``answer(features, weight, identities, s, m)``: ``(N, C)``.

    It is s cos(theta + m) for the true class, and s cos(theta) for the others; m is in radians, in (0, pi / 2). Where
    theta + m is above pi the true logit goes on falling as theta grows, and is at most s cos(theta); how is free.
    """
    _margin_logits(answer, *given, margin=_arc)


def finite(answer: Answer, given: Faces, s: float, m: float) -> None:
    """Logits or a loss: finite where a feature equals a class vector, and the gradient as well."""
    value = called(answer, *given, s, m)
    numbers("the result", value, getattr(value, "shape", ()))
    slopes(answer, (*given, s, m))


def falling(answer: Answer, s: float, m: float) -> None:
    """Logits or a loss: the true logit falls as theta grows, and is never above s cos(theta)."""
    features, weight, who = turning(m)
    values = [called(answer, one[None], weight, who[:1], s, m) for one in features]
    found = [numbers("the result", one, getattr(one, "shape", ())) for one in values]
    true = torch.stack([one[0, 1] / s if one.dim() == 2 else -one / s for one in found])
    if (true.diff() > 1e-4).any():
        raise Mistake("past_pi", "beyond theta + m = pi it rewards a face for being further from its class")
    if found[0].dim() == 2 and (true > _cosines(features, weight)[:, 1] + 1e-3).any():
        raise Mistake("past_pi", "beyond theta + m = pi the true logit is larger than the one without a margin")
    if true[-7] - true[-1] < 1e-3:
        raise Mistake("flat_past_pi", "beyond theta + m = pi nothing changes, so these faces are never pulled back")


def arcface_loss(answer: Answer, *given: object) -> None:
    """``answer(features, weight, identities, s, m)``: one number, the mean cross-entropy of the ArcFace logits."""
    features, weight, who, s, m = given
    got = numbers("the loss", called(answer, *given), ())
    exact = (features.double(), weight.double(), who, s, m)
    logits = _logits(*exact)
    right = F.cross_entropy(logits, who)
    mistakes: list[Row] = [
        ("sum", right * len(who), "this is the sum over the images; take the mean"),
        ("mean_of_all", right / len(weight), "the mean also goes over the classes; take it over the images"),
        ("negative", -right, "the sign is reversed: less likely must mean a higher loss"),
        ("softmax_twice", F.cross_entropy(logits.softmax(1), who), "softmax was taken twice"),
        *((kind, F.cross_entropy(one, who), text) for kind, one, text in _wrong(*exact, _arc)),
    ]
    compare("the loss", got, right, mistakes)
    slopes(answer, given, lambda *inputs: F.cross_entropy(_logits(*inputs), who))


def large_loss(answer: Answer, given: Faces, s: float = 120.0, m: float = 0.4) -> None:
    """As :func:`arcface_loss`, where exponentials are too large or too small for float32."""
    got = torch.as_tensor(called(answer, *given, s, m)).detach().double().reshape(())
    right = F.cross_entropy(_logits(given[0].double(), given[1].double(), given[2], s, m), given[2])
    if not (got - right).abs() < 1e-3 * right:
        text = f"with s = {s:g} the loss is {float(got):.4g}, and {float(right):.4g} is right. Exponentials overflow"
        raise Mistake("overflow", text + " in float32. Torch has functions that take softmax and logarithm together")
    slopes(answer, (*given, s, m))


OTHERS = faces(1, 6, 4, 8, 4.0)
PUBLIC = {
    "cosine_logits": runs((cosine_logits, *faces(0)[:2]), (cosine_logits, *OTHERS[:2])),
    "arcface_logits": runs(
        (arcface_logits, *faces(0), 20.0, 0.5),
        (arcface_logits, *OTHERS, 30.0, 0.3),
        *((finite, on_classes(sign), 20.0, 0.5) for sign in (1, -1)),
        (falling, 20.0, 0.5),
    ),
    "cosface_logits": runs((cosface_logits, *faces(0), 20.0, 0.35), (cosface_logits, *OTHERS, 30.0, 0.2)),
    "arcface_loss": runs(
        (arcface_loss, *faces(0), 6.0, 0.5),
        (large_loss, faces(1)),
        (finite, on_classes(), 20.0, 0.5),
        (falling, 20.0, 0.5),
    ),
}
