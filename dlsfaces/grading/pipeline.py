"""Homework 6: a gallery of people, who a face is, and a threshold for strangers."""

from __future__ import annotations

import torch
from torch import Tensor

from dlsfaces.grading import Answer, Mistake, alike, compare, numbers

Gallery = dict[str, Tensor]
NAMES = ("Ann", "Bob", "Cem", "Dina", "Eva", "Fay", "Gus", "Hal")


def gallery_of(seed: int, counts: tuple[int, ...] = (3, 1, 5, 2), dim: int = 6) -> Gallery:
    """People with so many vectors ``(K, dim)`` of length 1 each, which differ much within a person."""
    random = torch.Generator().manual_seed(seed)
    people = {}
    for name, count in zip(NAMES, counts):
        rows = torch.randn(dim, generator=random) + 0.8 * torch.randn(count, dim, generator=random)
        people[name] = rows / rows.norm(dim=1, keepdim=True)
    return people


def faces(seed: int, count: int, dim: int = 6) -> Tensor:
    """Vectors ``(count, dim)`` of any length, in any direction."""
    random = torch.Generator().manual_seed(seed)
    return (0.5 + 3 * torch.rand(count, 1, generator=random)) * torch.randn(count, dim, generator=random)


def enrol(answer: Answer, gallery: Gallery, name: str, vectors: Tensor) -> None:
    """``answer(gallery, name, vectors)``: a new gallery, with the vectors at length 1 added to the person's.

    ``gallery`` is a dict from names to vectors ``(K, D)`` of length 1; ``vectors`` is ``(K, D)``, of any length. The
    person may be new or not. What was given stays as it is.
    """
    given, fresh = {who: rows.clone() for who, rows in gallery.items()}, vectors.clone()
    result = answer(given, name, fresh)
    if not isinstance(result, dict):
        raise Mistake("type", f"return the new gallery, a dict, not {type(result).__name__}")
    if name not in result:
        raise Mistake("not_added", f"{name} is not in the new gallery")
    if lost := gallery.keys() - result.keys():
        raise Mistake("others_lost", f"{', '.join(sorted(lost))} is no longer in the new gallery")
    if len(result) > len(gallery.keys() | {name}):
        raise Mistake("names", f"the new gallery holds people that nobody enrolled: {list(result)}")
    for who in gallery.keys() - {name}:
        if not alike(numbers(f"the vectors of {who}", result[who], (None, vectors.shape[1])), gallery[who].double()):
            raise Mistake("others_changed", f"the vectors of {who} have changed, though {name} was enrolled")
    new = vectors.double()
    old = gallery[name].double() if name in gallery else new[:0]
    unit = new / new.norm(dim=1, keepdim=True)
    right, everything = torch.cat((old, unit)), torch.cat((old, new))
    means = [rows.mean(0, keepdim=True) for rows in (right, everything, unit, new)]
    length = "the new vectors do not have length 1. "
    mistakes = [
        ("not_normalised", everything, length + "Were they divided by their own lengths?"),
        ("overwritten", unit, f"the vectors that {name} already had are lost"),
        ("overwritten", new, f"the vectors that {name} already had are lost, and the new ones have any length"),
        ("ignored", old, f"the new vectors of {name} are missing"),
        ("wrong_axis", torch.cat((old, new / new.norm(dim=0))), length + "Along which axis is the length measured?"),
        ("wrong_axis", torch.cat((old, new / new.norm())), length + "Each has a length of its own, not all together"),
        ("wrong_axis", everything / everything.norm(dim=0), length + "Along which axis is the length measured?"),
        *[("mean", one, "all vectors should be kept, not only their mean") for one in means],
        *[("mean", one / one.norm(), "all vectors should be kept, not only their mean") for one in means],
    ]
    got = numbers(f"the vectors of {name}", result[name], (None, vectors.shape[1]))
    ordered = [(kind, _sorted(value), text) for kind, value, text in mistakes]
    compare(f"the vectors of {name}", _sorted(got), _sorted(right), ordered)
    same = given.keys() == gallery.keys() and all(_same(given[who], gallery[who]) for who in gallery)
    if not same or not _same(fresh, vectors):
        what = "vectors" if same else "gallery"
        raise Mistake("in_place", f"the {what} that you were given changed, too: work on a copy")


def _same(one: object, other: Tensor) -> bool:
    return isinstance(one, Tensor) and torch.equal(one, other)


def _sorted(rows: Tensor) -> Tensor:
    """Rows in the order of their first numbers: the order in which a person's vectors are kept does not matter."""
    return rows[rows[:, 0].argsort()]


def _scores(rows: Tensor, vector: Tensor) -> list[tuple[str, str, Tensor]]:
    """How near a vector is to a person, first as it should be, then by the usual mistakes; larger is nearer."""
    rows, vector = rows.double(), vector.double()
    mean, unit = rows.mean(0), vector / vector.norm()
    centre, each = mean / mean.norm(), rows @ unit
    space = "this is a distance. The cosine is largest for the nearest person"
    summed = "distances to a person's vectors are put together; take the cosine to the mean vector"
    return [
        ("", "", unit @ centre),
        ("mean_not_normalised", "a mean of vectors is shorter than 1. Was it brought to length 1?", unit @ mean),
        ("vector_not_normalised", "the vector that was asked for may have any length", vector @ centre),
        ("dot_product", "these are dot products. Were both vectors brought to length 1?", vector @ mean),
        ("first_only", "only the first vector of each person counts here; take the mean of all", each[0]),
        ("nearest_vector", "this is the nearest single vector; take the mean of a person's vectors", each.max()),
        ("sum_of_cosines", "cosines are summed: who has more photos is nearer", each.sum()),
        ("distance", space, -(unit - centre).norm()),
        ("distance", space, unit @ centre - 1),
        *[("distance", space, -(v - m).norm()) for v, m in ((unit, mean), (vector, mean), (vector, centre))],
        ("sum_of_distances", summed, -(rows - unit).norm(dim=1).sum()),
        ("sum_of_distances", summed, -(rows - unit).norm(dim=1).mean()),
        ("sum_of_distances", summed, -(rows - vector).norm(dim=1).sum()),
    ]


def _table(gallery: Gallery, vectors: Tensor) -> list[tuple[str, str, Tensor]]:
    """Kinds, texts, and scores ``(vectors, people)``."""
    whole = [[_scores(rows, vector) for rows in gallery.values()] for vector in vectors]
    heads = _scores(torch.ones(1, 2), torch.ones(2))
    found = []
    for k, (kind, text, _) in enumerate(heads):
        found.append((kind, text, torch.stack([torch.stack([one[k][2] for one in row]) for row in whole])))
    return found


def identify(answer: Answer, gallery: Gallery, vectors: Tensor, threshold: float) -> None:
    """``answer(gallery, vector, threshold)``: a name or None, and the cosine to the nearest person.

    The vector ``(D,)`` may have any length. A person's vector is the mean of hers, brought to length 1. The name is
    None where the cosine is not above the threshold; the cosine is given all the same. In an empty gallery there is
    nobody: None, and any number, such as -1.
    """
    names, cosines = [], []
    for vector in vectors:
        pair = answer({who: rows.clone() for who, rows in gallery.items()}, vector.clone(), threshold)
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise Mistake("type", "return two things: the name, which may be None, and the cosine")
        if isinstance(pair[1], str) or not (pair[0] is None or isinstance(pair[0], str)):
            raise Mistake("swapped", f"return the name or None first, then the cosine; the first is {pair[0]!r}")
        names.append(pair[0])
        cosines.append(pair[1])
    if not gallery:
        if any(name is not None for name in names):
            raise Mistake("below_threshold", "in an empty gallery everybody is unknown")
        return
    if any(cosine is None for cosine in cosines):
        raise Mistake("no_cosine", "return the best cosine also where the name is None")
    got = torch.stack([numbers("the cosine", _one(cosine), ()) for cosine in cosines])
    (_, _, cosine), *others = _table(gallery, vectors)
    right, nearest = cosine.max(1)
    first = [next((one for one in row.tolist() if one > threshold), max(row.tolist())) for row in cosine]
    mistakes = [(kind, _shown(kind, scores.max(1).values), text) for kind, text, scores in others]
    mistakes += [
        ("farthest", cosine.min(1).values, "this is the smallest cosine; the nearest person has the largest"),
        ("first_person", torch.tensor(first), "the search ends at the first person above the threshold"),
        ("last_person", cosine[:, -1], "this is the cosine to the last person of the gallery"),
    ]
    compare("the cosine", got, right, mistakes)
    always = [list(gallery)[k] for k in nearest.tolist()]
    _compare_names(names, always, [one > threshold for one in right.tolist()])


def _one(value: object) -> object:
    return value.reshape(()) if getattr(value, "shape", None) == (1,) else value


def _shown(kind: str, best: Tensor) -> Tensor:
    return -best if "distance" in kind else best


def _compare_names(names: list[str | None], always: list[str], known: list[bool]) -> None:
    right = [name if yes else None for name, yes in zip(always, known)]
    if names == right:
        return
    if names == always:
        raise Mistake("below_threshold", "a name is given even where the cosine is below the threshold")
    if names == [None if yes else name for name, yes in zip(always, known)]:
        raise Mistake("reversed", "a name is given where the cosine is below the threshold, and None above it")
    if all(name is None for name in names):
        raise Mistake("never_named", "nobody gets a name, not even above the threshold")
    if [name is None for name in names] == [name is None for name in right]:
        raise Mistake("wrong_name", "the cosine is right, but the name belongs to another person")
    raise Mistake("value", f"the names are {names}, and {right} is right")


def false_positive_rate(answer: Answer, gallery: Gallery, strangers: Tensor, thresholds: tuple[float, ...]) -> None:
    """``answer(gallery, strangers, threshold)``: the share of strangers ``(N, D)`` who get any name, from 0 to 1.

    They may have any length. In an empty gallery nobody gets a name.
    """
    copies = [{who: rows.clone() for who, rows in gallery.items()} for _ in thresholds]
    given = [answer(copy, strangers.clone(), one) for copy, one in zip(copies, thresholds)]
    got = torch.stack([numbers("the rate", _one(one), ()) for one in given])
    levels, what = torch.tensor(thresholds).double()[:, None], "the rate"
    if not gallery:
        compare(what, got, torch.zeros(len(levels)).double(), [("below_threshold", got * 0 + 1, "nobody is enrolled")])
        return
    table = _table(gallery, strangers)
    cosine = table[0][2]
    right = (cosine.max(1).values > levels).double().mean(1)
    mistakes = [
        ("count", right * len(strangers), "this is a number of strangers, not a share of them"),
        ("all_pairs", (cosine.flatten() > levels).double().mean(1), "a share of strangers is asked for, not of pairs"),
        ("matches", (cosine.flatten() > levels).double().sum(1) / len(strangers), "some strangers count several times"),
        ("inverted", 1 - right, "this is the share of strangers who get no name"),
        ("percent", 100 * right, "this is in percent; 1 is the most"),
        ("farthest", (cosine.min(1).values > levels).double().mean(1), "one name is enough, not every name"),
        ("below_threshold", torch.ones(len(levels)), "every stranger gets a name. Is the threshold used?"),
        ("never_named", torch.zeros(len(levels)), "no stranger gets a name, at any threshold"),
    ]
    for kind, text, scores in table[1:]:
        best = scores.max(1).values
        named = -best < levels if "distance" in kind else best > levels
        mistakes.append((kind, named.double().mean(1), text))
    compare(what, got, right, mistakes)


def _interval(best: Tensor, index: int) -> tuple[float, float]:
    """From where to where (not included) a threshold leaves ``index`` of the scores above it, or fewer at ties."""
    ordered = best.sort(descending=True).values
    if index >= len(best):
        return -torch.inf, float(ordered[-1]) + 2e-5
    above = ordered[ordered > ordered[index] + 1e-4]
    return float(ordered[index]), float(above[-1]) if len(above) else torch.inf


def threshold_for(answer: Answer, gallery: Gallery, strangers: Tensor, rates: tuple[float, ...]) -> None:
    """``answer(gallery, strangers, fpir)``: the lowest cosine at which at most the share ``fpir`` gets a name.

    ``strangers`` is ``(N, D)``, of any length. Who is not above the threshold gets no name. Every number is right that
    gives names to the same strangers.
    """
    got = []
    for rate in rates:
        value = answer({who: rows.clone() for who, rows in gallery.items()}, strangers.clone(), rate)
        try:
            got.append(float(_one(value)))
        except (TypeError, ValueError, RuntimeError):
            raise Mistake("type", f"return one number, the threshold, not {type(value).__name__}") from None
        if got[-1] != got[-1]:
            raise Mistake("nan", "the threshold is NaN")
    n, table = len(strangers), _table(gallery, strangers)
    cosine = table[0][2]
    best, low = cosine.max(1).values, [int(rate * n + 1e-9) for rate in rates]

    def fits(scores: Tensor, places: list[int], sign: float = 1) -> bool:
        ends = [_interval(scores, max(place, 0)) for place in places]
        return all(a - 1e-5 <= sign * one < b - 1e-5 for one, (a, b) in zip(got, ends))

    def are(values: list[Tensor]) -> bool:
        return alike(torch.tensor(got).double(), torch.stack(values).double(), 1e-5)

    if fits(best, low):
        return
    pairs = cosine.flatten()
    every, down = [int(rate * len(pairs) + 1e-9) for rate in rates], best.sort().values
    checks = [
        ("all_pairs", fits(pairs, every), "a stranger is let in by the best cosine; the others do not count"),
        ("all_pairs", are([pairs.quantile(1 - r) for r in rates]), "each stranger should count once, with the best"),
        (
            "quantile",
            are([best.quantile(1 - r) for r in rates]),
            "a quantile lies between two strangers; too many get in",
        ),
        ("quantile", are([best.quantile(r) for r in rates]), "this quantile counts from below"),
        ("ascending", are([down[min(k, n - 1)] for k in low]), "the lowest cosines come first; start with the highest"),
        ("round", fits(best, [round(r * n) for r in rates]), "the number of strangers is rounded; at most so many"),
        ("off_by_one", fits(best, [k - 1 for k in low]), "it is too high by one stranger. One more may get a name"),
        ("off_by_one", fits(best, [k + 1 for k in low]), "it is too low by one stranger. One too many gets a name"),
        ("farthest", fits(cosine.min(1).values, low), "a stranger is let in by the largest cosine, not the smallest"),
        *[(kind, fits(s.max(1).values, low, -1 if "distance" in kind else 1), text) for kind, text, s in table[1:]],
    ]
    for kind, found, text in checks:
        if found:
            raise Mistake(kind, f"the threshold: {text}")
    named = [int((best > one + 1e-5).sum()) for one in got]
    raise Mistake("value", f"with the thresholds {got}, {named} of {n} strangers get a name; {low} may")


def _public_enrol(answer: Answer) -> None:
    enrol(answer, gallery_of(0), "Eva", faces(1, 3))
    enrol(answer, gallery_of(0), "Cem", faces(2, 4))
    enrol(answer, {}, "Ann", faces(3, 1))


def _public_identify(answer: Answer) -> None:
    identify(answer, gallery_of(0), faces(4, 14), 0.2)
    identify(answer, {}, faces(4, 1), 0.4)


def _public_rate(answer: Answer) -> None:
    false_positive_rate(answer, gallery_of(0), faces(5, 40), (-0.3, 0.3, 0.5, 0.9))
    false_positive_rate(answer, {}, faces(5, 3), (0.3,))


PUBLIC = {
    "enrol": _public_enrol,
    "identify": _public_identify,
    "false_positive_rate": _public_rate,
    "threshold_for": lambda answer: threshold_for(answer, gallery_of(0), faces(6, 22), (0.15, 0.35, 0.25)),
}
