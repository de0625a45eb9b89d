"""What each probe finds in a gallery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from dlsfaces.evaluate.cosines import Array, Tile, Vectors, full_precision, identity_numbers, side, slices


@dataclass(frozen=True)
class OpenSetScores:
    """What each probe found in the gallery.

    A probe is mated if its person is in the gallery. A person's score is the cosine similarity of the probe to the
    person's pictures: to the most similar one, or to their mean.

    Attributes:
        own: the own person's score of mated probes, ``(P,)`` float64.
        rank: 1 and how many other people of the gallery score at least as high, of mated probes, ``(P,)`` int64.
        best: the highest score of anybody in the gallery, of unmated probes, ``(U,)`` float64.
        mated_person: the number of each mated probe's person, ``(P,)``.
        unmated_person: the same of unmated ones, ``(U,)``; -1 for an unknown person.
        n_people: known people among the probes; their numbers are ``0..n_people - 1``.
    """

    own: np.ndarray
    rank: np.ndarray
    best: np.ndarray
    mated_person: np.ndarray
    unmated_person: np.ndarray
    n_people: int


def open_set_scores(
    gallery: Array,
    gallery_identities: Sequence[int] | Array,
    probes: Array,
    probe_identities: Sequence[int] | Array,
    *,
    template: Literal["max", "mean"] = "max",
) -> OpenSetScores:
    """Compare every probe with everybody in the gallery, block by block: the scores of all pairs are never held.

    An identity below 0 is an unknown person: in the gallery every such picture is somebody of their own, and a probe
    is never mated.

    Args:
        gallery: embeddings ``(G, D)``, of any length.
        gallery_identities: the person of each, ``(G,)`` integers.
        probes: embeddings ``(N, D)``.
        probe_identities: the person of each, ``(N,)`` integers.
        template: ``"max"``: a person scores as the most similar picture. ``"mean"``: as the mean of the person's
            normalised vectors, one of which is held for each person of the gallery.
    Raises:
        ValueError: shapes that do not fit, NaN or infinity, a zero vector, a zero mean, an empty gallery, no probes,
            another template.
    """
    p, g = Vectors("probe", probes), _Gallery(gallery, gallery_identities, template)
    if p.dim != g.vectors.dim:
        raise ValueError(f"probe vectors have {p.dim} numbers, gallery {g.vectors.dim}")
    ids = identity_numbers("probe", probe_identities, len(p))
    if not len(p):
        raise ValueError("there are no probes")
    names, number = np.unique(ids[ids >= 0], return_inverse=True)
    person = np.full(len(ids), -1)
    person[ids >= 0] = number
    mated = np.isin(ids, g.known)
    rows = np.flatnonzero(mated)
    rows = rows[np.argsort(ids[rows], kind="stable")]  # probes of one person meet the same few pictures of theirs
    search = _Search(p, g, max(len(rows), len(p) - len(rows)))
    with full_precision(search.device), torch.no_grad():
        own, rank = search.own_and_rank(rows, np.searchsorted(g.known, ids[rows]))
        best = search.best(np.flatnonzero(~mated))
    back = np.argsort(rows)
    return OpenSetScores(own[back], rank[back], best, person[mated], person[~mated], len(names))


class _Gallery:
    """A gallery's pictures in the order of their people, or the mean of each person's.

    Attributes:
        known: identities, ascending. The place in it is a person's number; unknown people have the numbers after.
        person: the number of each row's person, ascending.
        order: where the rows stand in ``vectors``.
    """

    def __init__(self, gallery: Array, identities: Sequence[int] | Array, template: str) -> None:
        if template not in ("max", "mean"):
            raise ValueError(f"template={template!r} is neither 'max' nor 'mean'")
        self.vectors = Vectors("gallery", gallery)
        self.device = self.vectors.device
        ids = identity_numbers("gallery", identities, len(self.vectors))
        if not len(ids):
            raise ValueError("the gallery is empty")
        unknown = ids < 0
        self.known = np.unique(ids[~unknown])
        person = np.where(unknown, len(self.known) + np.cumsum(unknown) - 1, np.searchsorted(self.known, ids))
        order = np.argsort(person, kind="stable")
        self.person, self.order = person[order], torch.from_numpy(order)
        if template == "mean":
            self.vectors = Vectors("gallery means", self._sums())
            self.person = np.arange(len(self.vectors))
            self.order = torch.from_numpy(self.person)

    def _sums(self) -> Tensor:
        """The sum of each person's normalised vectors, which points where their mean does.

        On the CPU, where they are always added up in the same order.
        """
        sums = torch.zeros(self.person[-1] + 1, self.vectors.dim, dtype=self.vectors.dtype, device="cpu")
        for rows in slices(len(self.order), side(len(self.order))):
            unit = self.vectors.unit(self.order[rows], sums.new_empty(rows.stop - rows.start, sums.shape[1]))
            sums.index_add_(0, torch.from_numpy(self.person[rows]), unit)
        zero = (~sums.any(1)).nonzero()
        if len(zero):
            person = self.known[zero[0, 0]]
            raise ValueError(f"gallery: the mean of person {person}'s vectors is zero: it has no direction")
        return sums


class _Search:
    """Probes against a gallery, in blocks of cosines ``(gallery's rows, probes)``."""

    def __init__(self, probes: Vectors, gallery: _Gallery, at_once: int) -> None:
        self._probes, self._gallery = probes, gallery
        self.device = probes.device if probes.device.type != "cpu" else gallery.device
        self._dtype = torch.promote_types(probes.dtype, gallery.vectors.dtype)
        rows, columns = side(len(gallery.person)), side(at_once)
        self._tile = Tile(rows, columns, probes.dim, self._dtype, self.device)
        self._columns = torch.zeros(columns, probes.dim, dtype=self._dtype, device=self.device)
        self._everybody = np.arange(len(gallery.person))

    def own_and_rank(self, probes: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The own person's score and rank, of the probes in these places and with these numbers in the gallery."""
        own, rank = np.empty(len(probes)), np.empty(len(probes), dtype=np.int64)
        for some in self._loaded(probes):
            here = torch.from_numpy(person[some]).to(self.device)
            scores = self._own(here)
            own[some], rank[some] = scores.cpu().numpy(), 1 + self._ahead(here, scores).cpu().numpy()
        return own, rank

    def best(self, probes: np.ndarray) -> np.ndarray:
        """The highest score in the gallery, of the probes in these places."""
        best = np.empty(len(probes))
        for some in self._loaded(probes):
            highest = torch.full((some.stop - some.start,), -torch.inf, dtype=self._dtype, device=self.device)
            for _, scores in self._blocks(self._everybody, len(highest)):
                torch.maximum(highest, scores.amax(0), out=highest)
            best[some] = highest.cpu().numpy()
        return best

    def _loaded(self, probes: np.ndarray) -> Iterator[slice]:
        """Parts of the probes, while each is in the columns."""
        for some in slices(len(probes), len(self._columns)):
            self._probes.unit(torch.from_numpy(probes[some]), self._columns[: some.stop - some.start])
            yield some

    def _blocks(self, rows: np.ndarray, count: int) -> Iterator[tuple[np.ndarray, Tensor]]:
        """These rows of the gallery against the first ``count`` columns: rows of a block, and its cosines."""
        parts = slices(len(rows), len(self._tile.vectors))
        for part in tqdm(parts, desc="searching", unit=" blocks", leave=False, delay=2):
            self._tile.load(self._gallery.vectors, self._gallery.order[rows[part]])
            cosines = self._tile.cosines(self._columns, count)
            yield rows[part], cosines[: part.stop - part.start, :count]

    def _own(self, person: Tensor) -> Tensor:
        """The highest score among the own person's rows, of each column."""
        own = torch.full(person.shape, -torch.inf, dtype=self._dtype, device=self.device)
        rows = np.flatnonzero(np.isin(self._gallery.person, person.cpu().numpy()))
        for part, scores in self._blocks(rows, len(own)):
            theirs = torch.from_numpy(self._gallery.person[part]).to(self.device)
            scores.masked_fill_(theirs[:, None] != person, -torch.inf)
            torch.maximum(own, scores.amax(0), out=own)
        return own

    def _ahead(self, person: Tensor, own: Tensor) -> Tensor:
        """How many other people score at least as high as the own one, of each column."""
        ahead = torch.zeros(person.shape, dtype=torch.int64, device=self.device)
        people, unfinished = self._gallery.person, None
        for part, scores in self._blocks(self._everybody, len(own)):
            first, last = int(people[part[0]]), int(people[part[-1]])
            _people_together(scores, people[part] - first)
            if unfinished is not None:
                torch.maximum(scores[0], unfinished, out=scores[0])
            goes_on = part[-1] + 1 < len(people) and people[part[-1] + 1] == last
            unfinished = scores[last - first].clone() if goes_on else None
            finished = scores[: last - first + (0 if goes_on else 1)]
            here = ((person >= first) & (person < first + len(finished))).nonzero()[:, 0]
            finished[person[here] - first, here] = -torch.inf  # the own person is no other
            ahead += (finished >= own).sum(0, dtype=torch.int32)
        return ahead


def _people_together(scores: Tensor, person: np.ndarray) -> None:
    """Write the highest of each person's rows into the row of the person's number."""
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    if len(starts) < len(person):
        for number, (start, stop) in enumerate(zip(starts.tolist(), [*starts[1:].tolist(), len(person)])):
            scores[number] = scores[start:stop].amax(0)
