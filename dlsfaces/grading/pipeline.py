"""Homework 6: a gallery of people, who a face is, and a threshold for strangers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.grading import Answer, Mistake, Row, alike, called, compare, numbers, runs

Gallery = dict[str, Tensor]
NAMES = ("Ann", "Bob", "Cem", "Dina", "Eva", "Fay", "Gus", "Hal")


def gallery_of(seed: int, counts: tuple[int, ...] = (3, 1, 5, 2), dim: int = 6) -> Gallery:
    """People with so many vectors ``(K, dim)`` of length 1 each, which differ much within a person."""
    random = torch.Generator().manual_seed(seed)
    rows = [torch.randn(dim, generator=random) + 0.8 * torch.randn(count, dim, generator=random) for count in counts]
    return {name: F.normalize(one) for name, one in zip(NAMES, rows)}


def faces(seed: int, count: int, dim: int = 6) -> Tensor:
    """Vectors ``(count, dim)`` of any length, in any direction."""
    random = torch.Generator().manual_seed(seed)
    return (0.5 + 3 * torch.rand(count, 1, generator=random)) * torch.randn(count, dim, generator=random)


def enrol(answer: Answer, gallery: Gallery, name: str, vectors: Tensor) -> None:
    """``answer(gallery, name, vectors)``: a new gallery, with the vectors at length 1 added to the person's.

    ``gallery`` is a dict from names to vectors ``(K, D)`` of length 1. The person may be new or not.
    """
    result = called(answer, gallery, name, vectors)
    if not isinstance(result, dict):
        raise Mistake("type", f"return the new gallery, a dict, not {type(result).__name__}")
    if result.keys() != gallery.keys() | {name}:
        kind = "others_lost" if name in result else "not_added"
        raise Mistake(kind, f"the new gallery holds {list(result)}; it should hold {[*gallery]} and {name}")
    for who in gallery.keys() - {name}:
        if not alike(numbers(f"the vectors of {who}", result[who], (None, vectors.shape[1])), gallery[who].double()):
            raise Mistake("others_changed", f"the vectors of {who} have changed, though {name} was enrolled")
    new = vectors.double()
    old, unit = gallery.get(name, vectors[:0]).double(), F.normalize(new)
    right = torch.cat((old, unit))
    mistakes: list[Row] = [
        ("not_normalised", torch.cat((old, new)), "the new vectors do not have length 1"),
        ("overwritten", unit, f"the vectors that {name} already had are lost"),
        ("ignored", old, f"the new vectors of {name} are missing"),
        ("wrong_axis", torch.cat((old, F.normalize(new, dim=0))), "along which axis is the length measured?"),
        ("wrong_axis", torch.cat((old, new / new.norm())), "each vector has a length of its own, not all together"),
    ]
    got = numbers(f"the vectors of {name}", result[name], (None, vectors.shape[1]))
    if len(got) == 1 < len(right):
        raise Mistake("mean", f"there is one vector of {name}. All should be kept, not only their mean")
    compare(f"the vectors of {name}", _sorted(got), _sorted(right), [(k, _sorted(v), text) for k, v, text in mistakes])


def _sorted(rows: Tensor) -> Tensor:
    """Rows in the order of their first numbers: the order in which a person's vectors are kept does not matter."""
    return rows[rows[:, 0].argsort()]


def _nearest(gallery: Gallery, vectors: Tensor) -> tuple[Tensor, list[tuple[str, float, Tensor, str]]]:
    """The cosines ``(vectors, people)``, and what mistakes take for those to the nearest person ``(vectors,)``.

    These are kinds, signs (-1 where the smallest number is the nearest), how near, and texts.
    """
    raw, unit = vectors.double(), F.normalize(vectors.double())
    rows = [one.double() for one in gallery.values()]
    mean = torch.stack([one.mean(0) for one in rows])
    centre = F.normalize(mean)
    each, away = [unit @ one.T for one in rows], [torch.cdist(unit, one) for one in rows]
    cosine, space = unit @ centre.T, "this is a distance. The cosine is largest for the nearest person"
    summed = "distances to a person's vectors are put together; take the cosine to the mean vector"
    table = [
        ("mean_not_normalised", 1, unit @ mean.T, "a mean of vectors is shorter than 1. Was it brought to length 1?"),
        ("vector_not_normalised", 1, raw @ centre.T, "the vector that was asked for may have any length"),
        ("dot_product", 1, raw @ mean.T, "these are dot products. Were both vectors brought to length 1?"),
        ("first_only", 1, [one[:, 0] for one in each], "only a person's first vector counts; take the mean of all"),
        ("nearest_vector", 1, [one.amax(1) for one in each], "this is the nearest single vector; take a person's mean"),
        ("sum_of_cosines", 1, [one.sum(1) for one in each], "cosines are summed: who has more photos is nearer"),
        ("distance", -1, torch.cdist(unit, centre), space),
        ("distance", -1, 1 - cosine, space),
        ("distance", -1, torch.cdist(unit, mean), space),
        ("sum_of_distances", -1, [one.sum(1) for one in away], summed),
        ("sum_of_distances", -1, [one.mean(1) for one in away], summed),
    ]
    best = [(sign * (torch.stack(s, 1) if isinstance(s, list) else s)).amax(1) for _, sign, s, _ in table]
    found = [(kind, sign, one, text) for one, (kind, sign, _, text) in zip(best, table)]
    return cosine, [*found, ("farthest", 1, cosine.amin(1), "this is the smallest cosine; the nearest has the largest")]


def identify(answer: Answer, gallery: Gallery, vectors: Tensor, threshold: float) -> None:
    """``answer(gallery, vector, threshold)``: a name or None, and the cosine to the nearest person.

    A person's vector is the mean of hers, brought to length 1. The name is None where the cosine is not above the
    threshold. In an empty gallery it is None, with any number.
    """
    pairs = [called(answer, gallery, vector, threshold) for vector in vectors]
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise Mistake("type", "return two things: the name, which may be None, and the cosine")
        if isinstance(pair[1], str) or not (pair[0] is None or isinstance(pair[0], str)):
            raise Mistake("swapped", f"return the name or None first, then the cosine; the first is {pair[0]!r}")
        if gallery and pair[1] is None:
            raise Mistake("no_cosine", "return the best cosine also where the name is None")
    names = [name for name, _ in pairs]
    if not gallery:
        if any(name is not None for name in names):
            raise Mistake("below_threshold", "in an empty gallery everybody is unknown")
        return
    got = torch.stack([numbers("the cosine", one, ()) for _, one in pairs])
    cosine, table = _nearest(gallery, vectors)
    first = [next((one for one in row if one > threshold), max(row)) for row in cosine.tolist()]
    mistakes: list[Row] = [(kind, sign * best, text) for kind, sign, best, text in table]
    mistakes += [
        ("first_person", first, "the search ends at the first person above the threshold"),
        ("last_person", cosine[:, -1], "this is the cosine to the last person of the gallery"),
    ]
    compare("the cosine", got, cosine.amax(1), mistakes)
    known = (cosine.amax(1) > threshold).tolist()
    if any(yes and name is None for yes, name in zip(known, names)):
        raise Mistake("reversed", "there is no name, though the cosine is above the threshold")
    if any(name is not None and not yes for yes, name in zip(known, names)):
        raise Mistake("below_threshold", "a name is given even where the cosine is below the threshold")
    if any(yes and name != list(gallery)[k] for yes, name, k in zip(known, names, cosine.argmax(1).tolist())):
        raise Mistake("wrong_name", "the cosine is right, but the name belongs to another person")


def false_positive_rate(answer: Answer, gallery: Gallery, strangers: Tensor, thresholds: tuple[float, ...]) -> None:
    """``answer(gallery, strangers, threshold)``: the share of strangers ``(N, D)`` who get any name, from 0 to 1."""
    given = [called(answer, gallery, strangers, one) for one in thresholds]
    got = torch.stack([numbers("the rate", one, ()) for one in given])
    levels, everybody = torch.tensor(thresholds).double()[:, None], torch.ones(len(thresholds))
    all_named = ("below_threshold", everybody, "every stranger gets a name. Is the threshold used?")
    if not gallery:
        compare("the rate", got, 0 * everybody.double(), [all_named])
        return
    cosine, table = _nearest(gallery, strangers)
    right = (cosine.amax(1) > levels).double().mean(1)
    matches = (cosine.flatten() > levels).double().sum(1)
    mistakes: list[Row] = [
        ("count", right * len(strangers), "this is a number of strangers, not a share of them"),
        ("all_pairs", matches / cosine.numel(), "a share of strangers is asked for, not of pairs"),
        ("matches", matches / len(strangers), "some strangers count several times"),
        ("inverted", 1 - right, "this is the share of strangers who get no name"),
        ("percent", 100 * right, "this is in percent; 1 is the most"),
        all_named,
    ]
    mistakes += [(kind, (best > sign * levels).double().mean(1), text) for kind, sign, best, text in table]
    compare("the rate", got, right, mistakes)


def threshold_for(answer: Answer, gallery: Gallery, strangers: Tensor, rates: tuple[float, ...]) -> None:
    """``answer(gallery, strangers, fpir)``: the lowest cosine at which at most the share ``fpir`` gets a name.

    Who is not above it gets no name. Every number is right that gives names to the same strangers.
    """
    values = [called(answer, gallery, strangers, rate) for rate in rates]
    try:
        got = [float(value) for value in values]
    except (TypeError, ValueError, RuntimeError):
        raise Mistake("type", f"return one number, the threshold, not {type(values[0]).__name__}") from None
    cosine, table = _nearest(gallery, strangers)
    best, n = cosine.amax(1), len(strangers)
    low = [int(rate * n + 1e-9) for rate in rates]

    def fits(scores: Tensor, places: list[int], sign: float = 1) -> bool:
        """Whether each threshold leaves so many of the scores above it, or fewer at ties."""
        for one, place in zip(got, places):
            ordered = scores.sort(descending=True).values
            above = ordered[ordered > ordered[min(max(place, 0), len(ordered) - 1)] + 1e-4]
            named = int((scores > sign * one + 1e-5).sum())
            if named != len(above) and not named == len(ordered) <= place:  # at an FPIR of 1 the last may go without
                return False
        return True

    if fits(best, low):
        return
    pairs, quantiles = cosine.flatten(), torch.stack([best.quantile(1 - rate) for rate in rates])
    checks = [
        ("all_pairs", fits(pairs, [int(rate * len(pairs) + 1e-9) for rate in rates]), "strangers count several times"),
        ("quantile", alike(torch.tensor(got).double(), quantiles, 1e-5), "a quantile lies between two strangers"),
        ("ascending", fits(best, [n - 1 - k for k in low]), "the lowest cosines come first; start with the highest"),
        ("round", fits(best, [round(r * n) for r in rates]), "the number of strangers is rounded; at most so many"),
        ("off_by_one", fits(best, [k - 1 for k in low]), "it is too high by one stranger. One more may get a name"),
        ("off_by_one", fits(best, [k + 1 for k in low]), "it is too low by one stranger. One too many gets a name"),
        *((kind, fits(scores, low, sign), text) for kind, sign, scores, text in table),
    ]
    for kind, found, text in checks:
        if found:
            raise Mistake(kind, f"the threshold: {text}")
    named = [int((best > one + 1e-5).sum()) for one in got]
    raise Mistake("value", f"with the thresholds {got}, {named} of {n} strangers get a name; {low} may")


PUBLIC = {
    "enrol": runs(
        (enrol, gallery_of(0), "Eva", faces(1, 3)),
        (enrol, gallery_of(0), "Cem", faces(2, 4)),
        (enrol, {}, "Ann", faces(3, 1)),
    ),
    "identify": runs((identify, gallery_of(0), faces(4, 14), 0.2), (identify, {}, faces(4, 1), 0.4)),
    "false_positive_rate": runs(
        (false_positive_rate, gallery_of(0), faces(5, 40), (-0.3, 0.3, 0.5, 0.9)),
        (false_positive_rate, {}, faces(5, 3), (0.3,)),
    ),
    "threshold_for": runs((threshold_for, gallery_of(0), faces(6, 22), (0.15, 0.35, 0.25, 1.0))),
}
