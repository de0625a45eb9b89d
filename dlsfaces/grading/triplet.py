"""Homework 4: distances, the hardest of a batch, the batch-hard loss, and semi-hard negatives."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.grading import Answer, Mistake, Row, called, compare, gradient, numbers, runs


def people(seed: int, persons: int = 4, images: int = 3, dim: int = 5, spread: float = 0.9) -> tuple[Tensor, Tensor]:
    """Vectors ``(persons * images, dim)`` of any length, and whose they are, in no order."""
    random = torch.Generator().manual_seed(seed)
    who = torch.randperm(persons * images, generator=random) % persons
    centres = torch.randn(persons, dim, generator=random)
    vectors = centres[who] + spread * torch.randn(len(who), dim, generator=random)
    return vectors * (0.4 + 2 * torch.rand(len(who), 1, generator=random)), who


def doubles() -> tuple[Tensor, Tensor]:
    """People with the same image twice, one of them also under another name."""
    a, b, c = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]])
    vectors = torch.stack((2 * a, b, 2 * a, c, b + 0.3 * c, 2 * a, c, 3 * b - c))
    return vectors, torch.tensor([0, 1, 0, 2, 1, 2, 2, 0])


def _apart(vectors: Tensor) -> Tensor:
    """Distances in float64; the slope of a distance of 0 is taken to be 0."""
    return (vectors.double()[:, None] - vectors.double()).norm(dim=2)


def _slope_of(function: Callable[[Tensor], Tensor], vectors: Tensor) -> Tensor:
    leaf = vectors.double().requires_grad_()
    return torch.autograd.grad(function(leaf).sum(), leaf)[0]


def distances(answer: Answer, vectors: Tensor) -> None:
    """``answer(vectors)``: Euclidean distances of vectors ``(N, D)`` as they are, not squared, ``(N, N)``.

    The gradient is finite also for equal vectors, and on the diagonal.
    """
    got = numbers("the distances", called(answer, vectors), (len(vectors), len(vectors)))
    right, v, unit = _apart(vectors), vectors.double(), F.normalize(vectors.double())
    squares = v.square().sum(1)
    mistakes: list[Row] = [
        ("squared", right**2, "these are squared distances; a root is missing"),
        ("manhattan", (v[:, None] - v).abs().sum(2), "this is the sum of the absolute differences"),
        ("mean", right / v.shape[1] ** 0.5, "this takes a mean over the coordinates; take their sum"),
        ("formula", (squares[:, None] + squares - v @ v.T).sqrt(), "the product of both vectors counts twice"),
        ("normalised", _apart(unit), "the vectors were brought to length 1 first; take them as they are"),
        ("cosine", unit @ unit.T, "these are cosines, not distances"),
        ("cosine", 1 - unit @ unit.T, "this is 1 - cosine; give Euclidean distances"),
        ("dot_product", v @ v.T, "these are dot products, not distances"),
        *(("half", half, "only one half of the matrix is filled") for half in (right.triu(), right.tril())),
    ]
    compare("the distances", got, right, mistakes, within=4e-3)
    compare("the gradient", gradient(answer, (vectors,), 0, "vectors"), _slope_of(_apart, vectors), within=2e-2)


def _mined(apart: Tensor, who: Tensor) -> tuple[Tensor, Tensor]:
    same, itself = who[:, None] == who, torch.eye(len(who)).bool()
    return apart.masked_fill(~same | itself, -1).amax(1), apart.masked_fill(same, torch.inf).amin(1)


def _mined_wrongly(apart: Tensor, who: Tensor) -> list[tuple[str, Tensor, Tensor, str]]:
    """What usual mistakes take for the farthest positives and nearest negatives."""
    same, itself, (far, near) = who[:, None] == who, torch.eye(len(who)).bool(), _mined(apart, who)
    places = torch.arange(len(who)) // (len(who) // len(who.unique()))
    block, other = places[:, None] == places, same & ~itself
    up, down = apart.masked_fill(~other, torch.inf).amin(1), apart.masked_fill(same, -1).amax(1)
    beside, mean = "images of one person need not stand side by side", "a mean of positives; take the farthest"
    in_block = apart.masked_fill(~block, -1).amax(1), apart.masked_fill(block, torch.inf).amin(1)
    return [
        ("farthest_negative", far, down, "this is the farthest negative; the nearest is the hardest"),
        ("masked_zero", far, 0 * near, "all nearest negatives are 0. What does the mask leave of other distances?"),
        ("self", far, apart.diagonal(), "the nearest negative is the image itself"),
        ("self", far, apart.masked_fill(itself, torch.inf).amin(1), "among the negatives are the same person's images"),
        ("self", apart.diagonal(), near, "the positive is the image itself"),
        ("nearest_positive", up, near, "this is the nearest positive; the farthest is the hardest"),
        ("easiest", up, down, "these are the easiest: the hardest positive is far, the hardest negative is near"),
        ("all_people", apart.amax(1), near, "the farthest positive is somebody else"),
        ("mean_positive", (apart * other).sum(1) / other.sum(1), near, mean),
        ("mean_positive", (apart * same).sum(1) / same.sum(1), near, mean),
        ("swapped", near, far, "first the positive, then the negative"),
        ("contiguous", *in_block, beside),
    ]


def hardest(answer: Answer, apart: Tensor, who: Tensor) -> None:
    """``answer(distances, identities)``: farthest positive's and nearest negative's, ``(N,)`` each.

    From distances ``(N, N)``, of any size, and whose the images are. Every anchor has a positive and a negative.
    """
    given = called(answer, apart, who)
    if not isinstance(given, tuple | list | Tensor) or getattr(given, "shape", (2,))[:1] != (2,) or len(given) != 2:
        raise Mistake("type", "return two things: the distances to the positives, and those to the negatives")
    names = "the farthest positives", "the nearest negatives"
    got = torch.stack([numbers(name, one, (len(who),)) for name, one in zip(names, given)])
    apart, different = apart.double(), who[:, None] != who
    mistakes: list[Row] = [(kind, torch.stack(pair), text) for kind, *pair, text in _mined_wrongly(apart, who)]
    both = apart.masked_fill(different, -1).argmax(1), apart.masked_fill(~different, torch.inf).argmin(1)
    mistakes.append(("indices", torch.stack(both), "these are indices; give the distances"))
    compare("the hardest", got, torch.stack(_mined(apart, who)), mistakes)


def _loss(vectors: Tensor, who: Tensor, margin: float) -> Tensor:
    far, near = _mined(_apart(F.normalize(vectors.double())), who)
    return (far - near + margin).relu().mean()


def batch_hard_loss(answer: Answer, vectors: Tensor, who: Tensor, margin: float, exact: bool = True) -> None:
    """``answer(vectors, identities, margin)``: one number, the mean over anchors of relu(positive - negative + margin).

    Vectors ``(N, D)`` have any length. The gradient is finite also for equal images; not ``exact``: any value is right.
    """
    got = numbers("the loss", called(answer, vectors, who, margin), ())
    apart = _apart(F.normalize(vectors.double()))
    (far, near), (rough_far, rough_near) = _mined(apart, who), _mined(_apart(vectors), who)
    gap, different = far - near + margin, who[:, None] != who
    chosen = (~different & ~torch.eye(len(who)).bool())[:, :, None] & different[:, None]
    triples = (apart[:, :, None] - apart[:, None] + margin)[chosen]
    mistakes: list[Row] = [
        ("not_normalised", (rough_far - rough_near + margin).relu().mean(), "bring the vectors to length 1 first"),
        ("no_hinge", gap.mean(), "each anchor's own loss should be cut off at 0, before the mean"),
        ("sign", (near - far + margin).relu().mean(), "the sign is reversed: it pulls different people together"),
        ("margin_sign", (far - near - margin).relu().mean(), "the margin should make it harder, not easier"),
        ("no_margin", (far - near).relu().mean(), "the margin is missing"),
        ("squared", (far**2 - near**2 + margin).relu().mean(), "squared distances were taken; take plain ones"),
        ("mixed", (far - near**2 + margin).relu().mean(), "squared and plain distances are mixed"),
        ("active_mean", gap.relu().sum() / (gap > 0).sum(), "the mean is over all anchors, also those without a loss"),
        ("sum", gap.relu().sum(), "this is a sum; take the mean over the anchors"),
        ("all_triplets", triples.relu().mean(), "all triplets are there; take the hardest one of each anchor"),
        ("softplus", F.softplus(far - near).mean(), "this is the soft margin, without a margin and a hinge"),
        *((kind, (p - n + margin).relu().mean(), text) for kind, p, n, text in _mined_wrongly(apart, who)),
    ]
    compare("the loss", got, _loss(vectors, who, margin), mistakes, within=5e-4 if exact else 1e-2)
    found = gradient(answer, (vectors, who, margin), 0, "vectors")
    if not exact:
        return
    lost = [("no_gradient", 0 * found, "nothing is learned from it: the gradient is lost on the way")]
    compare("the gradient", found, _slope_of(lambda v: _loss(v, who, margin), vectors), lost, within=2e-2)


def done(answer: Answer) -> None:
    """As :func:`batch_hard_loss`, where nothing is left to learn: the loss is 0, and so is its gradient."""
    vectors, who = people(5, 4, 2, 6, 0.02)
    vectors = vectors + 6 * F.one_hot(who, 6)
    got = numbers("the loss", called(answer, vectors, who, 0.1), ())
    compare("the loss of a batch that is learned", got, 0 * got)
    compare("its gradient", gradient(answer, (vectors, who, 0.1), 0, "vectors"), torch.zeros(vectors.shape).double())


def semihard_negative(answer: Answer, positive: float, negatives: Tensor, margin: float) -> None:
    """``answer(d_positive, d_negatives, margin)``: the index of the semi-hard negative nearest to the anchor, or -1.

    Semi-hard: farther away than the positive, by less than the margin. At a tie any reading is right.
    """
    given = called(answer, positive, negatives, margin)
    if given is None:
        raise Mistake("none", "return -1 where there is no semi-hard negative")
    exact, d = numbers("the index", given, ()), negatives.double()
    got, rights = int(exact), set()
    for low in (d > positive + 1e-6, d >= positive - 1e-6):
        for high in (d < positive + margin - 1e-6, d <= positive + margin + 1e-6):
            chosen = d.masked_fill(~(low & high), torch.inf)
            rights |= set((chosen == chosen.min()).nonzero().flatten().tolist()) if (low & high).any() else {-1}
    if exact != got or not -1 <= got < len(d):
        raise Mistake("distance", "return an index, not a distance")
    if got in rights:
        return
    between, beyond = (d > positive) & (d < positive + margin), d >= positive + margin
    if not between.any():
        kind = "no_limit" if beyond[got] and d[got] == d[d > positive].min() else "none"
        raise Mistake(kind, f"there is no semi-hard negative, and it gives {got}; -1 is right")
    best = int(d.masked_fill(~between, torch.inf).argmin())
    options: list[Row] = [
        ("nearest", d.argmin(), "this is the nearest negative of all: it is nearer than the positive"),
        ("first", between.nonzero()[0, 0], "this is the first semi-hard negative; the nearest one is asked for"),
        ("farthest", d.masked_fill(~between, -1).argmax(), "this is the farthest semi-hard one; take the nearest"),
        ("both_sides", (d - positive).abs().argmin(), "it is as near as the positive, but it has to be farther"),
        ("easy", d.masked_fill(~beyond, torch.inf).argmin(), "it is farther than the margin: an easy one"),
        ("local_index", between[:best].sum(), "this index counts the chosen ones only; it is asked for among all"),
        ("sorted_index", d.argsort().argsort()[best], "this index is a place in the sorted distances"),
        ("none", -1, "it finds none, and there is one"),
    ]
    compare("the index", exact, torch.tensor(best).double(), options)


FAR = torch.tensor([0.94, 0.98, 0.48, 1.6, 1.58, 0.82, 1.56, 0.7, 0.42, 1.44, 1.26, 0.86])
PUBLIC = {
    "distances": runs((distances, people(0)[0]), (distances, doubles()[0])),
    "hardest": runs(  # rounded, the diagonal need not be 0
        *((hardest, _apart(v).float().fill_diagonal_(0.003), who) for v, who in (people(0), people(1, 3, 4))),
        (hardest, 1000 * _apart(people(1, 3, 4)[0]).float(), people(1, 3, 4)[1]),
    ),
    "batch_hard_loss": runs(
        *((batch_hard_loss, *people(seed, spread=0.5), 0.3) for seed in (24, 1)),
        (batch_hard_loss, *doubles(), 0.3, False),
        (done,),
    ),
    "semihard_negative": runs(
        *(
            (semihard_negative, positive, FAR, margin)
            for positive, margin in ((0.75, 0.35), (0.6, 0.2), (1.0, 0.2), (0.3, 0.1), (0.7, 0.9))
        )
    ),
}
