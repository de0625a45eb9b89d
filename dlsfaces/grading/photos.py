"""Homework 7: which photos are trash, how well a score finds them, and which photos are there twice."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from dlsfaces.grading import Answer, Mistake, compare, numbers
from dlsfaces.grading.rate import people


def photos(seed: int = 0, count: int = 12, persons: int = 4, dim: int = 8) -> tuple[Tensor, Tensor]:
    """Raw features ``(count, dim)`` and identities, which are no indices: 2, 7, 12 and so on."""
    features, who = people(seed, count, persons, dim)
    return features, 5 * who + 2


def overlaid(rows: Tensor, count: int) -> Tensor:
    """The first row ``count`` times, in one place of the memory: whoever writes into it is stopped."""
    return rows[:1].expand(count, *rows.shape[1:])


def called(answer: Answer, *arguments: object) -> object:
    """What an answer gives for copies of its arguments; a :class:`Mistake` where it writes into them."""
    given, text = copy.deepcopy(arguments), "the tensor that was given is changed in place; work on a copy"
    try:
        value = answer(*given)
    except NotImplementedError:
        raise
    except (Mistake, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if "single memory location" in str(error):  # of an overlaid tensor
            raise Mistake("in_place", text) from None
        if isinstance(error, Mistake):
            raise
        raise Mistake("crash", f"it stops with {type(error).__name__}: {error}") from error
    if any(isinstance(own, Tensor) and not torch.equal(own, their) for own, their in zip(arguments, given)):
        raise Mistake("in_place", text)
    return value


def norm_score(answer: Answer, features: Tensor) -> None:
    """``answer(features)``: raw features ``(N, D)`` to scores ``(N,)``; the shorter a vector, the higher its score.

    Minus the norm, or anything else that falls as the norm grows: only the order of the scores counts.
    """
    got = numbers("the scores", called(answer, features), (len(features),))
    exact = features.double()
    length = exact.pow(2).sum(1).sqrt()
    if torch.equal(length, length[:1].expand_as(length)):  # nothing to order
        return
    if got.max() - got.min() <= 1e-5 * got.abs().max():
        text = "all photos get the same score. Were the vectors brought to length 1 before their length was taken?"
        raise Mistake("normalised", text)
    mistakes = [
        ("sign", length, "the order is reversed: the most likely trash should get the highest score"),
        ("other_norm", -exact.abs().sum(1), "this is another norm; take the length, the root of the sum of squares"),
        ("other_norm", -exact.abs().amax(1), "this is another norm; take the length, the root of the sum of squares"),
        ("not_length", exact.mean(1), "these are sums or means of the numbers, not lengths of the vectors"),
        ("not_length", -exact.mean(1), "these are sums or means of the numbers, not lengths of the vectors"),
        ("centred", -(exact - exact.mean(0)).norm(dim=1), "take the length of the vector itself, not to a mean"),
        ("axis", -exact.norm(dim=0), "these are lengths of columns; a row is a photo"),
    ]
    ranks = [(kind, _ranks(value), text) for kind, value, text in mistakes]
    compare("the ranks of the scores", _ranks(got), _ranks(-length), ranks)


def _ranks(values: Tensor) -> Tensor:
    return values.argsort(stable=True).argsort().double()


def centre_distance(answer: Answer, features: Tensor, identities: Tensor) -> None:
    """``answer(features, identities)``: raw features ``(N, D)`` and identities ``(N,)`` to distances ``(N,)``.

    A distance is 1 - cosine to the person's centre: the mean of the unit vectors of the person's *other* images,
    brought to length 1. It is 1 where a person has no other image. Identities are any whole numbers, in no order.
    """
    got = numbers("the distances", called(answer, features, identities), (len(features),))
    raw, count = features.double(), len(features)
    unit = torch.stack([row / row.norm() for row in raw])
    same, itself = identities[:, None] == identities[None], torch.eye(count, dtype=torch.bool)

    def away(chosen: Tensor, vectors: Tensor = unit, images: Tensor = unit, long: bool = True) -> Tensor:
        centres = torch.stack([vectors[rows].mean(0) if rows.any() else vectors[0] * 0 for rows in chosen])
        return 1 - (images * (centres / centres.norm(dim=1, keepdim=True).clamp(min=1e-9) if long else centres)).sum(1)

    others = same & ~itself
    right, with_itself, mixed = away(others), "the image itself is a part of its centre", "people are mixed"
    not_long, short = "the vectors of a centre have different lengths", "the centre is not brought to length 1"
    mistakes = [
        ("includes_itself", away(same), f"{with_itself}; leave it out"),
        ("includes_itself", away(same, long=False), f"{with_itself}, and {short}"),
        ("includes_itself", away(same, raw), f"{with_itself}, and {not_long}"),
        ("lengths", away(others, raw), f"{not_long}: a long one counts more. Bring them to length 1 first"),
        ("lengths", away(others, raw, long=False), f"{not_long}, and {short}"),
        ("centre_not_unit", away(others, long=False), f"{short}: a mean of unit vectors is shorter than 1"),
        ("dot_product", away(others, images=raw), "this is no cosine: the image's own vector has not length 1"),
        ("dot_product", away(others, raw, raw, long=False), "this is no cosine: no vector was brought to length 1"),
        ("everybody", away(~itself), f"{mixed}: the centre is that of all images, not of one person"),
        ("everybody", away(same | True), f"{mixed}: the centre is that of all images, not of one person"),
        ("other_people", away(~same), "the centre is that of the other people; take the same person's other images"),
        ("similarity", 1 - right, "this is the cosine; a distance is small where vectors are alike"),
        ("similarity", right - 1, "this is minus the cosine; a distance is 1 - cosine"),
        ("euclid", (2 * right.clamp(min=0)).sqrt(), "this is the length of the difference; take 1 - cosine"),
        ("lone", right * others.any(1), "a person's only image has no centre; its distance should be 1"),
    ]
    compare("the distances", got, right, mistakes)


def auroc(answer: Answer, score: Tensor, is_trash: Tensor) -> None:
    """``answer(score, is_trash)``: scores ``(N,)`` and Booleans ``(N,)`` to a number from 0 to 1.

    It is the share of pairs (trash, clean) in which the trash photo has the higher score; equal scores count half.
    """
    got = numbers("AUROC", called(answer, score, is_trash), ())
    trash, clean = score[is_trash].double(), score[~is_trash].double()
    above, equal = (float(sum((one > clean).sum() for one in trash)), float(sum((one == clean).sum() for one in trash)))
    pairs, wins = len(trash) * len(clean), above + equal / 2
    right = torch.tensor(wins / pairs).double()
    hits = is_trash[score.argsort(descending=True, stable=True)].double()
    average = (hits.cumsum(0) / torch.arange(1, len(hits) + 1) * hits).sum() / hits.sum()
    mistakes = [
        ("reversed", 1 - right, "the order is reversed: count the pairs in which the trash photo scores higher"),
        ("ties", above / pairs, "equal scores are not counted; such a pair counts half"),
        ("ties", (above + equal) / pairs, "equal scores are counted as won; such a pair counts half"),
        ("count", wins, "this is a number of pairs, not a share of them"),
        ("over_all", wins / len(score) ** 2, "divide by the number of pairs (trash, clean), not of all pairs"),
        ("over_all", 2 * wins / len(score) / max(len(score) - 1, 1), "divide by the number of pairs (trash, clean)"),
        ("average_precision", average, "this is the average precision, another measure"),
    ]
    if right < 0.5:
        text = "a value below 0.5 is turned into 1 minus itself. A score that is worse than chance should show it"
        mistakes[0] = ("flipped", 1 - right, text)
    if equal and above / pairs <= got <= (above + equal) / pairs:
        mistakes.append(("ties", got, "the order of photos with equal scores changes the result; a tie counts half"))
    compare("AUROC", got, right, mistakes)


def precision_at(answer: Answer, score: Tensor, is_trash: Tensor, k: int) -> None:
    """``answer(score, is_trash, k)``: the share of trash among the ``k`` highest scores, k from 1 to N.

    Scores ``(N,)``, Booleans ``(N,)``. Which of several equal scores are among the k highest is up to the student.
    """
    got = numbers("precision", called(answer, score, is_trash, k), ())
    order = score.double().argsort(descending=True, stable=True)
    ranked, last = is_trash[order].double(), score[order[k - 1]]
    sure, tied = float(is_trash[score > last].sum()), is_trash[score == last].double()
    places = k - int((score > last).sum())
    least, most = (float(tied.sort(descending=most).values[:places].sum() + sure) / k for most in (False, True))
    if least - 1e-5 <= got <= most + 1e-5:
        return
    if most > least:
        raise Mistake("ties", "photos with equal scores: more or fewer than k of them are counted")
    low, n = ranked.flip(0), len(ranked)
    mistakes = [
        ("lowest", low[:k].mean(), "these are the k lowest scores; trash has the highest"),
        ("clean", 1 - ranked[:k].mean(), "this is the share of clean photos"),
        ("count", ranked[:k].sum(), "this is a number of photos, not a share"),
        ("recall", ranked[:k].sum() / ranked.sum().clamp(min=1), "this is recall, a share of all trash; divide by k"),
        ("over_all", ranked[:k].sum() / n, "this is a share of all photos; divide by k"),
        ("over_all", ranked.mean(), "this is the share of trash among all photos; look only at the k highest"),
        *(
            ("off_by_one", ranked[first:end].sum() / by, "one photo too many or too few is counted")
            for first, end in ((0, k - 1), (0, k + 1), (1, k), (1, k + 1))
            for by in (k, max(end - first, 1))
        ),
        ("not_sorted", is_trash[:k].double().mean(), "these are the first k photos, not those of the highest scores"),
    ]
    compare("precision", got, ranked[:k].mean(), mistakes)


def duplicates(answer: Answer, vectors: Tensor, threshold: float) -> None:
    """``answer(vectors, threshold)``: vectors ``(N, D)`` of any length to index pairs (i, j) with i < j, in any order.

    They are those with a cosine above the threshold, as a list of tuples or a ``(K, 2)`` tensor; an empty one if none.
    """
    given = called(answer, vectors, threshold)
    given = sorted(given) if isinstance(given, set) else given
    is_empty = len(given) == 0 if isinstance(given, list | tuple) else isinstance(given, Tensor) and not given.numel()
    found = [] if is_empty else [tuple(one) for one in numbers("the pairs", given, (None, 2)).tolist()]
    n, exact = len(vectors), vectors.double()
    cosine = torch.stack([torch.stack([a @ b / (a.norm() * b.norm()) for b in exact]) for a in exact])
    every = [(i, j) for i in range(n) for j in range(i + 1, n)]
    right = [pair for pair in every if cosine[pair] > threshold]
    if sorted(found) == right:
        return
    firsts = [pair for k, pair in enumerate(right) if pair[0] not in {i for i, _ in right[:k]}]
    mistakes = [
        ("dot_product", [pair for pair in every if (exact @ exact.T)[pair] > threshold], "these are dot products"),
        (
            "below",
            [pair for pair in every if cosine[pair] < threshold],
            "these pairs have a cosine below the threshold",
        ),
        ("below", [pair for pair in every if 1 - cosine[pair] > threshold], "a distance is compared, not the cosine"),
        ("below", [pair for pair in every if 1 - cosine[pair] < threshold], "a distance is compared, not the cosine"),
        ("abs", [pair for pair in every if cosine[pair].abs() > threshold], "a cosine of -1 is the opposite of alike"),
        ("order", [(j, i) for i, j in right], "the smaller index comes first: (i, j) with i < j"),
        ("exact_lost", [pair for pair in right if cosine[pair] < 0.9999], "photos that are exactly alike are lost"),
        ("neighbours", [pair for pair in right if pair[1] - pair[0] == 1], "only neighbours are compared"),
        ("first_only", firsts, "each photo has one duplicate at most here; it can have several"),
        ("off_by_one", [(i + 1, j + 1) for i, j in right], "indices begin with 0"),
        ("off_by_one", [pair for pair in right if n - 1 not in pair], "the last photo is left out"),
        ("off_by_one", [pair for pair in right if 0 not in pair], "the first photo is left out"),
        ("off_by_one", [pair for pair in right if pair[1] - pair[0] > 1], "neighbours are left out"),
    ]
    for kind, pairs, text in mistakes:
        if sorted(found) == sorted(pairs):
            raise Mistake(kind, f"the pairs: {text}")
    if any(i == j for i, j in found):
        raise Mistake("diagonal", "photos are paired with themselves")
    if len({frozenset(pair) for pair in found}) < len(found):
        raise Mistake("pairs_twice", "a pair comes twice, as (i, j) and as (j, i)")
    lost, more = (sorted(set(a) - set(b))[:3] for a, b in ((right, found), (found, right)))
    raise Mistake("value", f"these pairs are missing: {lost}, and these should not be there: {more}")


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


def _lone(features: Tensor, identities: Tensor) -> tuple[Tensor, Tensor]:
    return features, torch.cat((identities[:1] * 0 + 999, identities[1:]))


def _public_auroc(answer: Answer) -> None:
    for given in (scores(0), scores(1, levels=1), scores(2, gain=-0.9)):
        auroc(answer, *given)


def _public_centres(answer: Answer) -> None:
    centre_distance(answer, *photos())
    centre_distance(answer, *_lone(*photos(1)))


def _public_precision(answer: Answer) -> None:
    precision_at(answer, *scores(215), 7)
    precision_at(answer, *scores(276, gain=0.3), 5)
    precision_at(answer, *scores(62, 20, 0.2, levels=1), 5)


def _public_duplicates(answer: Answer) -> None:
    duplicates(answer, near(0), 0.9)
    duplicates(answer, near(1), 0.8)
    duplicates(answer, torch.eye(4), 0.5)


PUBLIC = {
    "norm_score": lambda answer: norm_score(answer, photos(3)[0]),
    "centre_distance": _public_centres,
    "auroc": _public_auroc,
    "precision_at": _public_precision,
    "duplicates": _public_duplicates,
}
