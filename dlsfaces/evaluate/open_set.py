"""Open-set identification: who of the gallery is this, or is it nobody?"""

from dataclasses import dataclass

import numpy as np

from dlsfaces.evaluate.bootstrap import person_bootstrap
from dlsfaces.evaluate.identification import Rates, allowed, how_many
from dlsfaces.evaluate.pairs import Array, Ids, as_vectors, cosines, identity_numbers, unit

_BLOCK = 2**23  # cosines at once


@dataclass(frozen=True)
class OpenSetScores:
    """What each probe found in the gallery: P mated ones, whose person is in it, and U unmated ones."""

    own: np.ndarray  # cosine of mated probes to their own person, (P,) float64
    rank: np.ndarray  # 1 and how many other people of the gallery score at least as high, of mated probes, (P,)
    best: np.ndarray  # the highest score of anybody in the gallery, of unmated probes, (U,) float64
    mated_person: np.ndarray  # (P,), 0..n_people - 1, or -1 for an unknown one
    unmated_person: np.ndarray  # the same, (U,)
    n_people: int


def open_set_scores(
    gallery: Array, gallery_identities: Ids, probes: Array, probe_identities: Ids, *, template: str = "max"
) -> OpenSetScores:
    """Compare every probe ``(N, D)`` with everybody in the gallery ``(G, D)``; vectors need not be normalised.

    An identity below 0 is an unknown person: each such image of the gallery is somebody of their own, and a probe is
    never mated. With ``template="max"`` a person scores as the most similar image, with ``"mean"`` as the mean of the
    person's normalised vectors.
    """
    if template not in ("max", "mean"):
        raise ValueError(f"template={template!r} is neither 'max' nor 'mean'")
    gallery = as_vectors("gallery", gallery)
    probes = as_vectors("probe", probes, gallery.shape[1])
    enrolled = identity_numbers("gallery", gallery_identities, len(gallery))
    ids = identity_numbers("probe", probe_identities, len(probes))
    if not len(gallery) or not len(probes):
        raise ValueError("there are no probes" if len(gallery) else "the gallery is empty")
    strangers = max(int(enrolled.max()), int(ids.max())) + 1 + np.arange(len(enrolled))  # somebody of their own
    enrolled = np.where(enrolled < 0, strangers, enrolled)
    order = np.argsort(enrolled, kind="stable")
    people, starts = np.unique(enrolled[order], return_index=True)
    templates = unit("gallery", gallery, order)
    if template == "mean":
        templates, starts = np.add.reduceat(templates, starts), np.arange(len(people))
        if not templates.any(1).all():
            person = people[np.argmin(templates.any(1))]
            raise ValueError(f"gallery: the mean of person {person}'s vectors is zero: it has no direction")
        templates = unit("gallery means", templates)
    mated, column = np.isin(ids, people), np.searchsorted(people, ids)
    own, rank, best = np.zeros(len(ids)), np.zeros(len(ids), np.int64), np.zeros(len(ids))
    step = max(1, _BLOCK // len(templates))
    for start in range(0, len(probes), step):
        some = slice(start, start + step)
        similarity = cosines(unit("probe", probes, some), templates)
        scores = np.maximum.reduceat(similarity, starts, axis=1)  # of each person the most similar image
        best[some] = scores.max(1)
        here = start + np.flatnonzero(mated[some])
        own[here] = scores[here - start, column[here]]
        # with the own person, who makes the 1; equal ones are ahead: giving everybody one vector is not rewarded
        rank[here] = (scores[here - start] >= own[here, None]).sum(1)
    names = np.unique(ids[ids >= 0])
    person = np.where(ids >= 0, np.searchsorted(names, ids), -1)
    return OpenSetScores(own[mated], rank[mated], best[~mated], person[mated], person[~mated], len(names))


@dataclass(frozen=True)
class OpenSetRate:
    """TPIR and threshold at each FPIR, float64 ``(len(fpirs),)``."""

    fpirs: tuple[float, ...]
    tpir: np.ndarray
    threshold: np.ndarray
    rank: int
    mated_probes: int
    unmated_probes: int


def open_set_rate(scores: OpenSetScores, fpirs: Rates, *, rank: int = 1) -> OpenSetRate:
    """True positive identification rate (TPIR) at false positive identification rates (FPIR), with a rank.

    FPIR is the share of unmated probes for whom *anybody* in the gallery scores above the threshold. TPIR is the share
    of mated probes whose own person scores strictly above it and is among the first ``rank`` (Cheng, Zhu, Gong 2020,
    "Face re-identification challenge", 3.2.3; NIST's FRVT 1:N reports 1 - TPIR as FNIR). With ``n = floor(fpir * number
    of unmated probes)``, the threshold is their best score at index ``n`` in descending order.
    """
    _check(scores, rank)
    fpirs, numbers = allowed("fpir", fpirs, len(scores.best), "unmated probe")
    threshold = np.sort(scores.best)[::-1][numbers]
    found = (scores.own[:, None] > threshold) & (scores.rank <= rank)[:, None]
    return OpenSetRate(fpirs, found.mean(0), threshold, rank, len(scores.own), len(scores.best))


def open_set_interval(scores: OpenSetScores, fpirs: Rates, *, rank: int = 1, **options: float) -> np.ndarray:
    """Person-bootstrap intervals of the TPIR, ``(len(fpirs), 2)``; the gallery and unknown probes stay."""
    _check(scores, rank)
    fpirs, _ = allowed("fpir", fpirs, len(scores.best), "unmated probe")
    order = np.argsort(-scores.best)
    best, strangers = scores.best[order], scores.unmated_person[order]

    def tpir(drawn: np.ndarray) -> np.ndarray:
        mated, unmated = drawn[scores.mated_person], np.append(drawn, 1)[strangers]  # the last is that of number -1
        if not mated.any() or not unmated.any():
            return np.full(len(fpirs), np.nan)
        passed = np.cumsum(unmated)
        indices = [how_many(fpir, passed[-1]) for fpir in fpirs]
        threshold = best[np.searchsorted(passed, indices, side="right")]  # were each there as often as it counts
        return mated @ ((scores.own[:, None] > threshold) & (scores.rank <= rank)[:, None]) / mated.sum()

    return person_bootstrap(tpir, scores.n_people, **options)


def cmc(scores: OpenSetScores, max_rank: int = 20) -> np.ndarray:
    """Cumulative match characteristic: the share of mated probes whose person is among the first 1, .. ``max_rank``."""
    _check(scores, max_rank)
    return (scores.rank[:, None] <= np.arange(1, max_rank + 1)).mean(0)


def cmc_interval(scores: OpenSetScores, max_rank: int = 20, **options: float) -> np.ndarray:
    """Person-bootstrap intervals of :func:`cmc`, ``(max_rank, 2)``; the gallery stays."""
    _check(scores, max_rank)
    within = scores.rank[:, None] <= np.arange(1, max_rank + 1)

    def shares(drawn: np.ndarray) -> np.ndarray:
        weights = drawn[scores.mated_person]
        return weights @ within / weights.sum() if weights.any() else np.full(max_rank, np.nan)

    return person_bootstrap(shares, scores.n_people, **options)


def _check(scores: OpenSetScores, rank: int) -> None:
    if rank < 1 or not len(scores.own):
        raise ValueError(f"rank {rank} of {len(scores.own)} mated probes: the first is 1, and a probe must be mated")
