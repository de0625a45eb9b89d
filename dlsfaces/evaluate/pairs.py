"""Pairs of pictures: which are positive, which are false, and how similar they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from dlsfaces.evaluate.cosines import Array, Tile, Vectors, full_precision, identity_numbers, side, slices

# pair_scores holds at most so many pairs, which takes it about 4 GB.
_MOST_PAIRS = 100_000_000
# So many pairs are looked at to say about where a threshold lies.
_SAMPLED = 2**23

Block = tuple[Tensor, slice, slice]


@dataclass(frozen=True)
class PairScores:
    """Cosine similarities of all pairs.

    Attributes:
        positive: pairs of queries of one person, ``(P,)`` float64.
        false: pairs of queries of different people, then every query with every distractor, ``(F,)`` float64.
        positive_person: the person's number, ``0..n_people - 1``, a positive pair, ``(P,)``.
        false_people: both people's numbers a false pair, ``(2, F)``; a distractor's is ``n_people``.
        pictures: how many pictures each person has in the query, ``(n_people,)``.
    """

    positive: np.ndarray
    false: np.ndarray
    positive_person: np.ndarray
    false_people: np.ndarray
    pictures: np.ndarray

    @property
    def n_people(self) -> int:
        """People in the query."""
        return len(self.pictures)


class Pairs:
    """A query's pictures with each other and with distractors, as blocks of cosines.

    The query is kept in the order of its people, so that pairs of one person lie together. The columns of a block are
    pictures of the query; a block is overwritten by the next.

    Args:
        query: embeddings ``(Q, D)``.
        query_identities: the person of each, ``(Q,)`` integers from 0.
        distractors: embeddings ``(M, D)`` of other people; None or empty where there are none.
    Attributes:
        order: where the pictures, in the order of their people, stand in the query: ``(Q,)``.
        person: the number of each one's person, ascending from 0: ``(Q,)``.
        pictures: how many each person has: ``(n_people,)``.
        n_positive, n_false: how many pairs are of one person, and how many others there are.
    Raises:
        ValueError: shapes that do not fit, NaN or infinity, a zero vector, an unknown person (an identity below 0), no
            positive pair, no false pair. What is wrong with a distractor is found when it is compared.
    """

    def __init__(self, query: Array, query_identities: Sequence[int] | Array, distractors: Array | None = None) -> None:
        q = Vectors("query", query)
        none = distractors is None or not len(distractors)
        d = Vectors("distractors", np.empty((0, q.dim), dtype=np.float32) if none else distractors)
        if d.dim != q.dim:
            raise ValueError(f"query vectors have {q.dim} numbers, distractors {d.dim}")
        ids = identity_numbers("query", query_identities, len(q))
        if (ids < 0).any():
            place = int(np.flatnonzero(ids < 0)[0])
            raise ValueError(f"query: vector {place} is of an unknown person (identity {ids[place]}): leave it out")
        _, person, self.pictures = np.unique(ids, return_inverse=True, return_counts=True)
        self.n_positive = int((self.pictures * (self.pictures - 1) // 2).sum())
        self.n_false = len(q) * (len(q) - 1) // 2 - self.n_positive + len(q) * len(d)
        if not self.n_positive:
            raise ValueError("there is no positive pair: no person has two pictures in the query")
        if not self.n_false:
            raise ValueError("there is no false pair: the query has one person, and there are no distractors")
        self.order = np.argsort(person, kind="stable")
        self.person = person[self.order]
        self.distractors = d
        self.device = q.device if q.device.type != "cpu" else d.device
        self.dtype = torch.promote_types(q.dtype, d.dtype)
        self._person = torch.from_numpy(self.person).to(self.device)
        self._side = side(len(q))
        filled_up = math.ceil(len(q) / self._side) * self._side
        self._query = torch.zeros(filled_up, q.dim, dtype=self.dtype, device=self.device)
        for rows in slices(len(q), self._side):
            q.unit(torch.from_numpy(self.order[rows]), self._query[rows])

    def among(self, *, same: bool = False) -> Iterator[Block]:
        """The query's pictures with each other: cosines, rows, columns.

        A pair is where its column is before its row; what lies on the diagonal or beyond has no meaning.

        Args:
            same: only the blocks in which pairs of one person are.
        """
        tile = self._tile()
        for rows in _progress(slices(len(self.person), len(tile.vectors))):
            tile.vectors[: rows.stop - rows.start] = self._query[rows]
            tile.fill(rows.stop - rows.start)
            for columns in slices(len(self.person), self._side):
                meets = self.person[columns.stop - 1] >= self.person[rows.start]
                if columns.start < rows.stop and (meets or not same):
                    yield self._cosines(tile, columns), rows, columns

    def against(self) -> Iterator[Block]:
        """The distractors with the query's pictures: cosines, rows (distractors), columns."""
        tile = self._tile()
        for rows in _progress(slices(len(self.distractors), len(tile.vectors))):
            tile.load(self.distractors, rows)
            for columns in slices(len(self.person), self._side):
                yield self._cosines(tile, columns), rows, columns

    def false_cosines(self) -> Iterator[Tensor]:
        """Blocks of the cosines of all false pairs; minus infinity elsewhere."""
        for cosines, rows, columns in self.among():
            yield _only_false(cosines, self._person[rows], self._person[columns])
        for cosines, _, _ in self.against():
            yield cosines

    def positive_cosines(self) -> Iterator[Tensor]:
        """The cosines of all positive pairs, ``(n,)`` a block."""
        place = torch.arange(len(self.person), device=self.device)
        for cosines, rows, columns in self.among(same=True):
            pairs = self._person[rows, None] == self._person[columns]
            pairs &= place[rows, None] > place[columns]
            yield cosines[: len(pairs), : pairs.shape[1]][pairs]

    def sample(self) -> tuple[np.ndarray, bool]:
        """The cosines of some false pairs: of drawn pictures, and distractors, with drawn pictures of the query.

        Every false pair has the same chance, wherever in the input it stands.

        Returns:
            ``(rows, columns)``, minus infinity where there is no false pair; whether the columns are the whole query.
        """
        generator = torch.Generator().manual_seed(0)
        n = len(self.person)
        drawn = torch.arange(n, device="cpu") if n <= self._side else _draw(self._side, n, generator)
        others = _draw(_SAMPLED // len(drawn), n + len(self.distractors), generator)
        drawn = drawn.to(self.device)
        columns = torch.zeros_like(self._query[: self._side])
        columns[: len(drawn)] = self._query[drawn]
        tile, parts = self._tile(), []
        for some in others.split(len(tile.vectors)):
            queries = some[some < n].to(self.device)
            tile.vectors[: len(queries)] = self._query[queries]
            self.distractors.unit(some[some >= n] - n, tile.vectors[len(queries) : len(some)])
            tile.fill(len(some))
            people = torch.full((len(some),), len(self.pictures), device=self.device)  # distractors after everybody
            people[: len(queries)] = self._person[queries]
            cosines = _only_false(tile.cosines(columns, len(drawn)), people, self._person[drawn])
            parts.append(cosines[: len(some), : len(drawn)].cpu().numpy().copy())
        return np.concatenate(parts), len(drawn) == n

    def _tile(self) -> Tile:
        rows = side(max(len(self.person), len(self.distractors)))
        return Tile(rows, self._side, self._query.shape[1], self.dtype, self.device)

    def _cosines(self, tile: Tile, columns: slice) -> Tensor:
        return tile.cosines(self._query[columns.start : columns.start + self._side], columns.stop - columns.start)


def pair_scores(query: Array, query_identities: Sequence[int] | Array, distractors: Array | None = None) -> PairScores:
    """Cosine similarities of all positive and all false pairs.

    Among queries, pairs are listed as ``torch.triu_indices`` lists them: the first with those after it, and so on.

    Args:
        query: embeddings ``(Q, D)``, of any length.
        query_identities: the person of each, ``(Q,)`` integers from 0.
        distractors: embeddings ``(M, D)`` of people who are not in the query; none where None.
    Raises:
        ValueError: shapes that do not fit, NaN or infinity, a zero vector, an unknown person (an identity below 0), no
            positive pair, no false pair, or more pairs than should be held at once.
    """
    pairs = Pairs(query, query_identities, distractors)
    if pairs.n_positive + pairs.n_false > _MOST_PAIRS:
        raise ValueError(
            f"{pairs.n_positive + pairs.n_false:,} pairs are more than the {_MOST_PAIRS:,} that pair_scores holds at "
            "once: use identification_rate, which holds none of them, or fewer distractors or queries"
        )
    n, m = len(pairs.person), len(pairs.distractors)
    among, false = np.empty((n, n)), np.empty(pairs.n_false)
    against = false[pairs.n_false - n * m :].reshape(n, m)
    with full_precision(pairs.device), torch.no_grad():
        for cosines, rows, columns in pairs.among():
            among[rows, columns] = _in_use(cosines, rows, columns)
        for cosines, rows, columns in pairs.against():
            against[pairs.order[columns], rows] = _in_use(cosines, rows, columns).T
    place = np.argsort(pairs.order)  # of each picture in the order of people
    person = pairs.person[place]
    people = np.full((2, pairs.n_false), len(pairs.pictures), dtype=np.int32)
    people[0, pairs.n_false - n * m :] = np.repeat(person, m)
    positive, positive_person, filled = [], [], 0
    for i in range(n):
        j = slice(i + 1, n)
        cosines = among[np.maximum(place[i], place[j]), np.minimum(place[i], place[j])]
        same = person[j] == person[i]
        positive.append(cosines[same])
        positive_person.append(person[j][same])
        here = slice(filled, filled + np.count_nonzero(~same))
        false[here], people[0, here], people[1, here] = cosines[~same], person[i], person[j][~same]
        filled = here.stop
    return PairScores(np.concatenate(positive), false, np.concatenate(positive_person), people, pairs.pictures)


def _in_use(cosines: Tensor, rows: slice, columns: slice) -> np.ndarray:
    """A block without what fills it up."""
    return cosines[: rows.stop - rows.start, : columns.stop - columns.start].cpu().numpy()


def _only_false(cosines: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Minus infinity where the column's person does not come before the row's, given both sides' people, ascending.

    The same person makes no false pair, and of two the other order is elsewhere.
    """
    if columns[-1] >= rows[0]:
        cosines[: len(rows), : len(columns)].masked_fill_(columns >= rows[:, None], -torch.inf)
    return cosines


def _draw(count: int, population: int, generator: torch.Generator) -> Tensor:
    """Places drawn with replacement, ascending: without, one would need a permutation of the whole."""
    return torch.randint(population, (count,), generator=generator, device="cpu").sort().values


def _progress(parts: list[slice]) -> Iterator[slice]:
    return tqdm(parts, desc="comparing", unit=" blocks", leave=False, delay=2)
