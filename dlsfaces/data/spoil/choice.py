"""Which photos of a set become which trash. Decided by the seed and the files' names, so by no order of reading."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch

from dlsfaces import rng
from dlsfaces.data.images import composed
from dlsfaces.data.records import UNKNOWN, FaceSet

KINDS = ("blurred", "dark", "occluded", "cropped", "not_a_face", "wrong_identity", "duplicate")
_RANK, _SOURCE, _PERSON = 71, 72, 73  # what a key is for


class Choice(NamedTuple):
    """What becomes of a photo; ``shows`` is the number of the photo whose picture it gets, where that is another."""

    kind: str
    shows: int | None = None


def choose(
    faces: FaceSet, rate: float, mix: Mapping[str, float] | None, seed: int, strangers: FaceSet | None
) -> dict[int, Choice]:
    """The photos to spoil, by number. Arguments and errors as of :func:`dlsfaces.data.plant_trash`."""
    if any(faces.defects):
        raise ValueError(f"{faces!r} holds trash already; plant it in the clean set, all kinds at once")
    counts = count(len(faces), rate, mix)
    _check_labels(faces, counts, strangers)
    order = ranked(faces.files, seed, _RANK)
    known = (faces.identities != UNKNOWN).tolist()
    copies, kept = _copies(faces, [i for i in order if known[i]], counts["duplicate"])
    free = [i for i in order if i not in copies and i not in kept]
    wrong = [i for i in free if known[i]][: counts["wrong_identity"]]
    left = set(free) - set(wrong)
    others = [kind for kind in KINDS[:5] for _ in range(counts[kind])]
    if len(wrong) < counts["wrong_identity"] or len(left) < len(others):
        raise ValueError(_too_small(faces, counts))
    chosen = {i: Choice(kind) for i, kind in zip((i for i in free if i in left), others)}
    dirty = chosen.keys() | copies | set(wrong)
    chosen |= _sources_of_copies(faces, copies, dirty, seed)
    chosen |= _wrong_people(faces, wrong, dirty, seed) if strangers is None else _strangers(wrong, strangers, seed)
    return chosen


def count(photos: int, rate: float, mix: Mapping[str, float] | None) -> dict[str, int]:
    """How many photos become trash of each kind: shares rounded so that the sum is right (largest remainders)."""
    if not (isinstance(rate, (int, float)) and 0 <= rate < 1):
        raise ValueError(f"rate={rate!r}: the share of photos to spoil is at least 0 and below 1")
    weights = _weights(mix)
    total = round(rate * photos)
    asked = sum(weight > 0 for weight in weights.values())
    if 0 < rate and total < asked:
        raise ValueError(
            f"rate={rate} of {photos} photos is {total}, too few for {asked} kinds of trash; raise the rate to "
            f"{asked / max(photos, asked + 1):.2f} or more, name fewer kinds in mix, or take a larger set"
        )
    whole = sum(weights.values())
    shares = {kind: total * weight / whole for kind, weight in weights.items()}
    counts = {kind: int(share) for kind, share in shares.items()}
    by_rest = sorted(shares, key=lambda kind: counts[kind] - shares[kind])
    for kind in by_rest[: total - sum(counts.values())]:
        counts[kind] += 1
    return counts


def _weights(mix: Mapping[str, float] | None) -> dict[str, float]:
    if mix is None:
        return dict.fromkeys(KINDS, 1.0)
    if unknown := [kind for kind in mix if kind not in KINDS]:
        raise ValueError(f"mix names {unknown[0]!r}, which is no kind of trash; there are {', '.join(KINDS)}")
    for kind, weight in mix.items():
        if not (isinstance(weight, (int, float)) and math.isfinite(weight) and weight >= 0):
            raise ValueError(f"mix[{kind!r}]={weight!r}: a weight is a number from 0 up")
    if not any(mix.values()):
        raise ValueError(f"mix={dict(mix)} leaves no kind; give at least one a weight above 0")
    return {kind: float(mix.get(kind, 0)) for kind in KINDS}


def ranked(files: Sequence[str], seed: int, purpose: int) -> list[int]:
    """Numbers of files in an order that is random, but the same for the same names."""
    keys = rng.key(purpose, seed, torch.tensor([number_of(file) for file in files], dtype=torch.int64))
    return keys.argsort(stable=True).tolist()


def number_of(name: str) -> int:
    """A number that belongs to a file's name, however a system stores its accents."""
    digest = hashlib.sha256(composed(name).encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:7], "big")


def _check_labels(faces: FaceSet, counts: Mapping[str, int], strangers: FaceSet | None) -> None:
    """The kinds that are about people need people."""
    people = faces.identities[faces.identities != UNKNOWN].unique().numel()
    for kind in ("wrong_identity", "duplicate"):
        if counts[kind] and people == 0:
            raise ValueError(f"{faces!r} has no identities, so it cannot have {kind!r}; leave it out of mix")
    if counts["wrong_identity"] and people == 1 and strangers is None:
        raise ValueError(
            f"{faces!r} has one person only, so nobody else can be shown as 'wrong_identity'; give strangers=..., or "
            "leave it out of mix"
        )
    if strangers is not None and len(_clean(strangers)) < counts["wrong_identity"]:
        raise ValueError(
            f"strangers has {len(_clean(strangers))} clean photos, fewer than the {counts['wrong_identity']} to be "
            "shown as 'wrong_identity'; give more, or lower the rate"
        )


def _clean(faces: FaceSet) -> list[int]:
    return [i for i in range(len(faces)) if not faces.defects or not faces.defects[i]]


def _too_small(faces: FaceSet, counts: Mapping[str, int]) -> str:
    asked = ", ".join(f"{number} {kind}" for kind, number in counts.items() if number)
    return (
        f"{faces!r} is too small for {asked}: a duplicate needs another picture of its person that stays clean, and a "
        "wrong identity a photo with a name; lower the rate, or give those kinds less weight in mix"
    )


def _people(faces: FaceSet, photos: Iterable[int]) -> dict[int, list[int]]:
    identities = faces.identities.tolist()
    people = defaultdict(list)
    for i in photos:
        people[identities[i]].append(i)
    return people


def _copies(faces: FaceSet, order: Sequence[int], wanted: int) -> tuple[set[int], set[int]]:
    """The photos to become copies, and one photo of each of their people, which has to stay clean."""
    identities = faces.identities.tolist()
    last = {person: photos[-1] for person, photos in _people(faces, order).items()}
    copies = [i for i in order if i != last[identities[i]]][:wanted]
    if len(copies) < wanted:
        raise ValueError(
            f"{faces!r} cannot have {wanted} duplicates: at most {len(copies)} photos have another of the same person "
            "to be a copy of; lower the rate, or the weight of 'duplicate' in mix"
        )
    return set(copies), {last[identities[i]] for i in copies}


def _sources_of_copies(faces: FaceSet, copies: set[int], dirty: set[int], seed: int) -> dict[int, Choice]:
    """Give each copy a clean picture of its person, each once as long as there are any."""
    order = ranked(faces.files, seed, _SOURCE)
    people, chosen = _people(faces, (i for i in order if i not in dirty)), {}
    identities, used = faces.identities.tolist(), defaultdict(int)
    for i in (i for i in order if i in copies):
        clean = people[identities[i]]
        chosen[i] = Choice("duplicate", clean[used[identities[i]] % len(clean)])
        used[identities[i]] += 1
    return chosen


def _wrong_people(faces: FaceSet, wrong: Sequence[int], dirty: set[int], seed: int) -> dict[int, Choice]:
    """Have photos change places so that each shows somebody else.

    Ordered by person and moved on by the size of the largest person's group, nobody comes to their own place, unless
    that group is more than half of all.
    """
    people = _people(faces, wrong)
    among = sorted(people, key=lambda person: int(rng.key(_PERSON, seed, person)))
    line = [i for person in among for i in people[person]]
    step = max(map(len, people.values()), default=0)
    identities = faces.identities.tolist()
    clean = [i for i in ranked(faces.files, seed, _PERSON) if i not in dirty and identities[i] != UNKNOWN]
    chosen = {}
    for k, i in enumerate(line):
        shows = line[(k + step) % len(line)]
        if identities[shows] == identities[i]:
            shows = next((j for j in clean if identities[j] != identities[i]), None)
            if shows is None:
                raise ValueError(
                    f"{faces!r} has too few clean photos of others to show as 'wrong_identity'; give strangers=..., or "
                    "lower the rate"
                )
            clean.remove(shows)
        chosen[i] = Choice("wrong_identity", shows)
    return chosen


def _strangers(wrong: Sequence[int], strangers: FaceSet, seed: int) -> dict[int, Choice]:
    clean = set(_clean(strangers))
    order = [i for i in ranked(strangers.files, seed, _SOURCE) if i in clean]
    return {i: Choice("wrong_identity", shows) for i, shows in zip(wrong, order)}
