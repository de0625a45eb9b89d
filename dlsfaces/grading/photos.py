"""Homework 7: which photos are trash, how well a score finds them, and which photos are there twice."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.grading import Answer, Mistake, Row, alike, called, compare, numbers, runs
from dlsfaces.grading.rate import people


def photos(seed: int = 0, count: int = 12, persons: int = 4, dim: int = 8) -> tuple[Tensor, Tensor]:
    """Raw features ``(count, dim)`` and identities, which are no indices: 2, 7, 12 and so on."""
    features, who = people(seed, count, persons, dim)
    return features, 5 * who + 2


def scores(seed: int, count: int = 24, gain: float = 0.5, levels: int = 0) -> tuple[Tensor, Tensor]:
    """Scores, higher or with ``gain < 0`` lower for trash, in so many levels, and which photos are trash."""
    random = torch.Generator().manual_seed(seed)
    is_trash = torch.randperm(count, generator=random) < count // 3
    score = torch.randn(count, generator=random) + gain * is_trash
    return ((score * levels).round() / levels if levels else score), is_trash


def near(seed: int, count: int = 10, dim: int = 6, copies: int = 5) -> Tensor:
    """Vectors of any length; some are copies, nearly copies, or opposites of others."""
    random = torch.Generator().manual_seed(seed)
    vectors = torch.randn(count, dim, generator=random)
    for k in range(copies):
        i, j = torch.randperm(count, generator=random)[:2]
        noise = torch.randn(dim, generator=random)
        vectors[j] = (-1 if k == 2 else 1) * vectors[i] + (0.1 * k if k > 1 else 0) * noise
    close = vectors[0] + 0.1 * torch.randn(2, dim, generator=random)
    vectors[1], vectors[2], vectors[-1] = vectors[0], close[0], close[1]
    return vectors * (0.3 + 2 * torch.rand(count, 1, generator=random))


def norm_score(answer: Answer, features: Tensor) -> None:
    """``answer(features)``: scores ``(N,)`` that fall as the norm of a row grows; only their order counts."""
    got, exact = numbers("the scores", called(answer, features), (len(features),)), features.double()
    if got.max() - got.min() <= 1e-5 * got.abs().max():
        raise Mistake("normalised", "all photos get the same score. Were the vectors brought to length 1 before?")
    other, sums = "this is another norm; take the root of the sum of squares", "these are no lengths of the vectors"
    mistakes = [
        ("sign", exact.norm(dim=1), "the order is reversed: the most likely trash should get the highest score"),
        ("other_norm", -exact.abs().sum(1), other),
        ("other_norm", -exact.abs().amax(1), other),
        ("not_length", exact.mean(1), sums),
        ("not_length", -exact.mean(1), sums),
    ]
    rows: list[Row] = [(kind, _ranks(value), text) for kind, value, text in mistakes]
    compare("the ranks of the scores", _ranks(got), _ranks(-exact.norm(dim=1)), rows)


def _ranks(values: Tensor) -> Tensor:
    return values.argsort(stable=True).argsort().double()


def centre_distance(answer: Answer, features: Tensor, identities: Tensor) -> None:
    """``answer(features, identities)``: 1 - cosine ``(N,)`` to the unit mean of the person's *other* unit vectors.

    It is 1 where a person has no other image. Identities are any whole numbers, in no order.
    """
    got = numbers("the distances", called(answer, features, identities), (len(features),))
    raw, same = features.double(), identities[:, None] == identities
    unit, itself = F.normalize(raw), torch.eye(len(raw), dtype=torch.bool)
    others = same & ~itself

    def away(chosen: Tensor, vectors: Tensor = unit, images: Tensor = unit, long: bool = True) -> Tensor:
        centres = chosen.double() @ vectors / chosen.sum(1, keepdim=True).clamp(min=1)
        return 1 - (images * (F.normalize(centres) if long else centres)).sum(1)

    right, with_itself, mixed = away(others), "the image itself is a part of its centre", "people are mixed"
    lengths = "the vectors of a centre have different lengths: a long one counts more"
    mistakes = [
        ("includes_itself", away(same), with_itself),
        ("includes_itself", away(same, long=False), f"{with_itself}, which is not brought to length 1"),
        ("includes_itself", away(same, raw), f"{with_itself}, and {lengths}"),
        ("lengths", away(others, raw), lengths),
        ("centre_not_unit", away(others, long=False), "the centre is a mean of unit vectors, which is shorter than 1"),
        ("dot_product", away(others, images=raw), "this is no cosine: the image's own vector has not length 1"),
        ("dot_product", away(others, raw, raw, long=False), "this is no cosine: no vector was brought to length 1"),
        ("everybody", away(~itself), f"{mixed}: the centre is that of all images, not of one person"),
        ("everybody", away(same | True), f"{mixed}: the centre is that of all images, not of one person"),
        ("other_people", away(~same), "the centre is that of the other people; take the same person's other images"),
        ("similarity", 1 - right, "this is the cosine; a distance is small where vectors are alike"),
        ("euclid", (2 * right.clamp(min=0)).sqrt(), "this is the length of the difference; take 1 - cosine"),
        ("lone", right * others.any(1), "a person's only image has no centre; its distance should be 1"),
    ]
    compare("the distances", got, right, mistakes)


def auroc(answer: Answer, score: Tensor, is_trash: Tensor) -> None:
    """``answer(score, is_trash)``: the share of pairs (trash, clean) in which trash scores higher; ties count half."""
    got = numbers("AUROC", called(answer, score, is_trash), ())
    trash, clean = score[is_trash][:, None], score[~is_trash]
    above, equal = (trash > clean).double().mean(), (trash == clean).double().mean()
    right, pairs = above + equal / 2, trash.numel() * clean.numel()
    hits = is_trash[score.argsort(descending=True, stable=True)].double()
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    backwards = "the order is reversed: count the pairs in which the trash photo scores higher"
    if right < 0.5:
        backwards = "a value below 0.5 is turned into 1 minus itself. A score worse than chance should show it"
    mistakes: list[Row] = [
        ("flipped" if right < 0.5 else "reversed", 1 - right, backwards),
        ("ties", above, "equal scores are not counted; such a pair counts half"),
        ("ties", above + equal, "equal scores are counted as won; such a pair counts half"),
        ("count", right * pairs, "this is a number of pairs, not a share of them"),
        ("over_all", right * pairs / len(score) ** 2, "divide by the number of pairs (trash, clean), not of all pairs"),
        ("average_precision", (precision * hits).sum() / hits.sum(), "this is the average precision, another measure"),
    ]
    if equal and above <= got <= above + equal:
        mistakes.append(("ties", got, "the order of photos with equal scores changes the result; a tie counts half"))
    compare("AUROC", got, right, mistakes)


def precision_at(answer: Answer, score: Tensor, is_trash: Tensor, k: int) -> None:
    """``answer(score, is_trash, k)``: the share of trash among the ``k`` highest scores; of equal scores any count."""
    got = numbers("precision", called(answer, score, is_trash, k), ())
    least, most = (  # with the trash among equal scores first, and last
        is_trash[(score.double() + 1e-9 * sign * is_trash).topk(k).indices].double().mean() for sign in (-1, 1)
    )
    if least - 1e-5 <= got <= most + 1e-5:
        return
    if most > least:
        raise Mistake("ties", "photos with equal scores: more or fewer than k of them are counted")
    ranked = is_trash[score.argsort(descending=True)].double()
    found, off = ranked[:k].sum(), "one photo too many or too few is counted"
    mistakes: list[Row] = [
        ("lowest", ranked[-k:].mean(), "these are the k lowest scores; trash has the highest"),
        ("clean", 1 - most, "this is the share of clean photos"),
        ("count", found, "this is a number of photos, not a share"),
        ("recall", found / ranked.sum().clamp(min=1), "this is recall, a share of all trash; divide by k"),
        ("over_all", found / len(ranked), "this is a share of all photos; divide by k"),
        *(("off_by_one", one.sum() / k, off) for one in (ranked[: k - 1], ranked[: k + 1], ranked[1:k])),
        *(("off_by_one", one.mean(), off) for one in (ranked[: k + 1], ranked[1 : k + 1]) if len(one)),
        ("not_sorted", is_trash[:k].double().mean(), "these are the first k photos, not those of the highest scores"),
    ]
    compare("precision", got, most, mistakes)


def duplicates(answer: Answer, vectors: Tensor, threshold: float) -> None:
    """``answer(vectors, threshold)``: the pairs (i, j), i < j, with a cosine above it: tuples or ``(K, 2)``."""
    given = called(answer, vectors, threshold)
    given = sorted(given) if isinstance(given, set) else given
    is_empty = isinstance(given, Tensor | list | tuple) and not len(given)
    found = torch.zeros(0, 2).double() if is_empty else numbers("the pairs", given, (None, 2))
    n, exact = len(vectors), vectors.double()
    dots, cosine = exact @ exact.T, F.normalize(exact) @ F.normalize(exact).T
    upper, first = torch.ones(n, n).triu(1).bool(), torch.arange(n)
    right = (cosine > threshold) & upper
    mistakes: list[tuple[str, Tensor, str]] = [
        ("dot_product", (dots > threshold) & upper, "these are dot products"),
        ("below", (cosine < threshold) & upper, "these pairs have a cosine below the threshold"),
        ("below", (1 - cosine > threshold) & upper, "a distance is compared, not the cosine"),
        ("below", (1 - cosine < threshold) & upper, "a distance is compared, not the cosine"),
        ("abs", (cosine.abs() > threshold) & upper, "a cosine of -1 is the opposite of alike"),
        ("order", right.T, "the smaller index comes first: (i, j) with i < j"),
        ("exact_lost", right & (cosine < 0.9999), "photos that are exactly alike are lost"),
        ("neighbours", right & (first - first[:, None] == 1), "only neighbours are compared"),
        (
            "first_only",
            right & (right.cumsum(1) == 1),
            "each photo has one duplicate at most here; it can have several",
        ),
        ("off_by_one", right & (first < n - 1), "the last photo is left out"),
        ("off_by_one", right.triu(2), "neighbours are left out"),
    ]
    for kind, chosen, text in mistakes:
        if not chosen.equal(right) and alike(_in_order(found), chosen.nonzero().double()):
            raise Mistake(kind, f"the pairs: {text}")
    if (found[:, 0] == found[:, 1]).any():
        raise Mistake("diagonal", "photos are paired with themselves")
    if len(found.sort(1).values.unique(dim=0)) < len(found):
        raise Mistake("pairs_twice", "a pair comes twice, as (i, j) and as (j, i)")
    compare("the pairs", _in_order(found), right.nonzero().double())


def _in_order(pairs: Tensor) -> Tensor:
    return pairs[(pairs @ torch.tensor([1e6, 1.0]).double()).argsort()]


PUBLIC = {
    "norm_score": runs((norm_score, photos(3)[0])),
    "centre_distance": runs(
        (centre_distance, *photos()),
        (centre_distance, photos(1)[0], torch.cat((torch.tensor([999]), photos(1)[1][1:]))),
    ),
    "auroc": runs((auroc, *scores(0)), (auroc, *scores(1, levels=1)), (auroc, *scores(2, gain=-0.9))),
    "precision_at": runs(
        (precision_at, *scores(215), 7),
        (precision_at, *scores(276, gain=0.3), 5),
        (precision_at, *scores(62, 20, 0.2, levels=1), 5),
    ),
    "duplicates": runs((duplicates, near(0), 0.9), (duplicates, near(1), 0.8), (duplicates, torch.eye(4), 0.5)),
}
