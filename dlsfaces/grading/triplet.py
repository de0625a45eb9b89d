"""Homework 4: distances, the hardest of a batch, the batch-hard loss, and semi-hard negatives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.grading import Answer, Mistake, alike, compare, numbers
from dlsfaces.grading.margins import slope


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
    """Distances pair by pair, in float64; the slope of a distance of 0 is taken to be 0."""
    vectors = vectors.double()
    return torch.stack([torch.stack([(a - b).norm() for b in vectors]) for a in vectors])


def _slope_of(function: Callable, vectors: Tensor) -> Tensor:
    leaf = vectors.double().requires_grad_()
    return torch.autograd.grad(function(leaf).sum(), leaf)[0]


def distances(answer: Answer, vectors: Tensor) -> None:
    """``answer(vectors)``: Euclidean distances of vectors ``(N, D)`` as they are, not squared, ``(N, N)``.

    They are to be learned from: the gradient is finite also for equal vectors, and on the diagonal.
    """
    got = numbers("the distances", answer(vectors.clone()), (len(vectors), len(vectors)))
    right, v, unit = _apart(vectors), vectors.double(), F.normalize(vectors.double())
    squares = v.square().sum(1)
    mistakes = [
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
    compare("the gradient", slope(answer, (vectors,), 0, "vectors"), _slope_of(_apart, vectors), within=2e-2)


def _mined(apart: Tensor, who: Tensor) -> tuple[Tensor, Tensor]:
    same, itself = who[:, None] == who, torch.eye(len(who)).bool()
    rows = range(len(who))
    farthest = torch.stack([apart[k][same[k] & ~itself[k]].max() for k in rows])
    return farthest, torch.stack([apart[k][~same[k]].min() for k in rows])


def _mined_wrongly(apart: Tensor, who: Tensor) -> list[tuple[str, Tensor, Tensor, str]]:
    """What usual mistakes take for the farthest positives and nearest negatives."""
    same, itself, n = who[:, None] == who, torch.eye(len(who)).bool(), len(who)
    other, far, near = same & ~itself, *_mined(apart, who)
    block = torch.arange(n)[:, None] // (n // len(who.unique())) == torch.arange(n) // (n // len(who.unique()))
    up, down = apart.masked_fill(~other, torch.inf).amin(1), apart.masked_fill(same, -torch.inf).amax(1)
    beside = "images of one person need not stand side by side"
    return [
        ("farthest_negative", far, down, "this is the farthest negative; the nearest is the hardest"),
        ("masked_zero", far, 0 * near, "all nearest negatives are 0. What does the mask leave of other distances?"),
        ("self", far, apart.diagonal(), "the nearest negative is the image itself"),
        ("self", far, apart.masked_fill(itself, torch.inf).amin(1), "among the negatives are the same person's images"),
        ("self", apart.diagonal(), near, "the positive is the image itself"),
        ("nearest_positive", up, near, "this is the nearest positive; the farthest is the hardest"),
        ("easiest", up, down, "these are the easiest: the hardest positive is far, the hardest negative is near"),
        ("all_people", apart.amax(1), near, "the farthest positive is somebody else"),
        ("mean_positive", (apart * other).sum(1) / other.sum(1), near, "a mean of positives; take the farthest"),
        ("mean_positive", (apart * same).sum(1) / same.sum(1), near, "a mean of positives; take the farthest"),
        ("swapped", near, far, "first the positive, then the negative"),
        (
            "contiguous",
            apart.masked_fill(~block, -1).amax(1),
            apart.masked_fill(block, torch.inf).amin(1),
            beside,
        ),
        ("one_for_all", far.max().expand(n), near.min().expand(n), "each anchor has its own positive and negative"),
    ]


def hardest(answer: Answer, apart: Tensor, who: Tensor) -> None:
    """``answer(distances, identities)``: farthest positive's and nearest negative's, ``(N,)`` each.

    From distances ``(N, N)``, 0 or more and of any size, and whose the images are ``(N,)``. What comes back are
    distances, too. The positives of an anchor are the other images of its person; every anchor has a positive and a
    negative.
    """
    given = answer(apart.clone(), who.clone())
    is_number = isinstance(given, Tensor) and given.dim() == 0
    if is_number or not isinstance(given, tuple | list | Tensor) or len(given) != 2:
        raise Mistake("type", "return two things: the distances to the positives, and those to the negatives")
    names = "the farthest positives", "the nearest negatives"
    got = torch.stack([numbers(name, one, (len(who),)) for name, one in zip(names, given)])
    apart = apart.double()
    right = torch.stack(_mined(apart, who))
    mistakes = [(kind, torch.stack((far, near)), text) for kind, far, near, text in _mined_wrongly(apart, who)]
    both = apart.masked_fill(who[:, None] != who, -1).argmax(1), apart.masked_fill(who[:, None] == who, 1e9).argmin(1)
    mistakes.append(("indices", torch.stack(both), "these are indices; give the distances"))
    compare("the hardest", got, right, mistakes)


def large(answer: Answer, apart: Tensor, who: Tensor) -> None:
    """As :func:`hardest`, with distances that no filled-in number may get in the way of."""
    try:
        hardest(answer, apart, who)
    except Mistake as mistake:
        text = "it is right for small distances, not for large ones. Which number stands for what is not to be taken?"
        raise Mistake("small_fill", text) if mistake.kind == "value" else mistake from None


def _loss(vectors: Tensor, who: Tensor, margin: float) -> Tensor:
    far, near = _mined(_apart(F.normalize(vectors.double())), who)
    return (far - near + margin).relu().mean()


def batch_hard_loss(answer: Answer, vectors: Tensor, who: Tensor, margin: float, exact: bool = True) -> None:
    """``answer(vectors, identities, margin)``: one number, the mean over anchors of relu(positive - negative + margin).

    These are the (not squared) distances to the farthest positive and nearest negative, of vectors ``(N, D)`` of any
    length, which the function itself brings to length 1 first. The gradient is finite also for equal images (not
    ``exact``: its value is free there), and is zero where the loss is.
    """
    got = numbers("the loss", answer(vectors.clone(), who.clone(), margin), ())
    unit, right = F.normalize(vectors.double()), _loss(vectors, who, margin)
    apart, raw = _apart(unit), _apart(vectors)
    far, near = _mined(apart, who)
    gap, rough = far - near + margin, torch.sub(*_mined(raw, who)) + margin
    same, itself = who[:, None] == who, torch.eye(len(who)).bool()
    triples = (apart[:, :, None] - apart[:, None] + margin)[(same & ~itself)[:, :, None] & ~same[:, None]]
    mixed = "squared and plain distances are mixed"
    mistakes = [
        ("not_normalised", rough.relu().mean(), "bring the vectors to length 1 first"),
        ("not_normalised", rough.mean(), "bring the vectors to length 1 first"),
        ("no_hinge", gap.mean(), "each anchor's own loss should be cut off at 0, before the mean"),
        ("sign", (near - far + margin).relu().mean(), "the sign is reversed: it pulls different people together"),
        ("sign", (near - far).mean() + margin, "the sign is reversed: it pulls different people together"),
        ("margin_sign", (far - near - margin).relu().mean(), "the margin should make it harder, not easier"),
        ("no_margin", (far - near).relu().mean(), "the margin is missing"),
        ("squared", (far**2 - near**2 + margin).relu().mean(), "squared distances were taken; take plain ones"),
        *(("mixed", (far**p - near**q + margin).relu().mean(), mixed) for p, q in ((1, 2), (2, 1))),
        ("active_mean", gap.relu().sum() / (gap > 0).sum(), "the mean is over all anchors, also those without a loss"),
        ("sum", gap.relu().sum(), "this is a sum; take the mean over the anchors"),
        ("all_triplets", triples.relu().mean(), "all triplets are there; take the hardest one of each anchor"),
        ("softplus", F.softplus(far - near).mean(), "this is the soft margin, without a margin and a hinge"),
        *((kind, (p - n + margin).relu().mean(), text) for kind, p, n, text in _mined_wrongly(apart, who)),
    ]
    compare("the loss", got, right, mistakes, within=5e-4 if exact else 1e-2)
    found = slope(answer, (vectors, who, margin), 0, "vectors")
    if not exact:
        return
    nothing = [("no_gradient", torch.zeros_like(found), "nothing is learned from it: the gradient is lost on the way")]
    half = "only one of the two distances is learned from"
    positive, negative = (_slope_of(partial(_half, who=who, margin=margin, fixed=k), vectors) for k in (1, 0))
    halves = [("half_gradient", one, half) for one in (positive, negative)]
    compare("the gradient", found, _slope_of(lambda v: _loss(v, who, margin), vectors), nothing + halves, within=2e-2)


def _half(vectors: Tensor, who: Tensor, margin: float, fixed: int) -> Tensor:
    """The loss with the gradient of one distance only."""
    pair = [*_mined(_apart(F.normalize(vectors.double())), who)]
    pair[fixed] = pair[fixed].detach()
    return (pair[0] - pair[1] + margin).relu().mean()


def done(answer: Answer) -> None:
    """As :func:`batch_hard_loss`, where nothing is left to learn: the loss is 0, and so is its gradient."""
    vectors, who = people(5, 4, 2, 6, 0.02)
    vectors = vectors + 6 * F.one_hot(who, 6)
    got = answer(vectors.clone(), who.clone(), 0.1)
    compare("the loss of a batch that is learned", numbers("the loss", got, ()), torch.zeros(()).double())
    compare("its gradient", slope(answer, (vectors, who, 0.1), 0, "vectors"), torch.zeros(vectors.shape).double())


def semihard_negative(answer: Answer, positive: float, negatives: Tensor, margin: float) -> None:
    """``answer(d_positive, d_negatives, margin)``: the index of the semi-hard negative nearest to the anchor, or -1.

    From the distance to the positive, a number, and those to the negatives ``(K,)``. Semi-hard are the negatives
    farther away than the positive, by less than the margin. -1 where there are none. At a tie any reading is right.
    """
    given = answer(positive, negatives.clone(), margin)
    if given is None:
        raise Mistake("none", "return -1 where there is no semi-hard negative")
    if isinstance(given, list | tuple) and len(given) == 1:
        given = given[0]
    if isinstance(given, Tensor) and given.numel() == 1:
        given = given.reshape(())
    got = int(numbers("the index", given, ()))
    d, far = negatives.double(), torch.inf
    order, rights = d.argsort(), set()
    for low in (d > positive + 1e-6, d >= positive - 1e-6):
        for high in (d < positive + margin - 1e-6, d <= positive + margin + 1e-6):
            between = low & high
            nearest = d[between].min() if between.any() else far
            rights |= set((between & (d == nearest)).nonzero().flatten().tolist()) or {-1}
    if got in rights and alike(torch.as_tensor(given).double(), torch.tensor(got).double()):
        return
    between = (d > positive) & (d < positive + margin)
    if not between.any():
        text = f"there is no semi-hard negative, and it gives {got}; -1 is right"
        beyond = d[got] >= positive + margin if 0 <= got < len(d) else False
        raise Mistake("no_limit" if beyond and d[got] == d[d > positive].min() else "none", text)
    best = int(d.masked_fill(~between, far).argmin())
    options = [
        ("nearest", d.argmin(), "this is the nearest negative of all: it is nearer than the positive"),
        ("first", between.nonzero()[0, 0], "this is the first semi-hard negative; the nearest one is asked for"),
        ("last", between.nonzero()[-1, 0], "this is the last semi-hard negative; the nearest one is asked for"),
        ("farthest", d.masked_fill(~between, -1).argmax(), "this is the farthest semi-hard one; take the nearest"),
        ("both_sides", (d - positive).abs().argmin(), "it is as near as the positive, but it has to be farther"),
        ("easy", d.masked_fill(d < positive + margin, far).argmin(), "it is farther than the margin: an easy one"),
        ("local_index", between[:best].sum(), "this index counts the chosen ones only; it is asked for among all"),
        ("sorted_index", order.argsort()[best], "this index is a place in the sorted distances"),
        ("none", torch.tensor(-1), "it finds none, and there is one"),
    ]
    if (not 0 <= got < len(d) and got != -1) or not alike(torch.as_tensor(given).double(), torch.tensor(got).double()):
        raise Mistake("distance", "return an index, not a distance")
    compare("the index", torch.tensor(got).double(), torch.tensor(best).double(), options)


def _public_hardest(answer: Answer) -> None:
    for seed, (persons, images) in enumerate([(4, 3), (3, 4)]):
        vectors, who = people(seed, persons, images)
        hardest(answer, _apart(vectors).float().fill_diagonal_(0.003), who)  # rounded, the diagonal need not be 0
    large(answer, 1000 * _apart(vectors).float(), who)


def _public_loss(answer: Answer) -> None:
    for seed in (24, 1):
        batch_hard_loss(answer, *people(seed, spread=0.5), 0.3)
    batch_hard_loss(answer, *doubles(), 0.3, exact=False)
    done(answer)


def _public_semihard(answer: Answer) -> None:
    far = torch.tensor([0.94, 0.98, 0.48, 1.6, 1.58, 0.82, 1.56, 0.7, 0.42, 1.44, 1.26, 0.86])
    for positive, margin in ((0.75, 0.35), (0.6, 0.2), (1.0, 0.2), (0.3, 0.1), (0.7, 0.9)):
        semihard_negative(answer, positive, far, margin)


def _public_distances(answer: Answer) -> None:
    distances(answer, people(0)[0])
    distances(answer, doubles()[0])


PUBLIC = {
    "distances": _public_distances,
    "hardest": _public_hardest,
    "batch_hard_loss": _public_loss,
    "semihard_negative": _public_semihard,
}
