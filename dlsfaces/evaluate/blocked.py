"""Exact thresholds over more pairs than fit into memory: 1,222 queries and a million distractors make 5 GB of cosines.

A sample tells between which two values each threshold very probably lies; one pass over blocks *counts* the cosines
above these values and keeps the few between them. Where the sample misled, the counts say where to look next.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from tqdm.auto import tqdm

from dlsfaces.evaluate.pairs import Inputs, Rows, unit

Range = tuple[float, float]  # the cosines x with low < x <= high

_SIDE = 2048  # of the largest block: 16 MB
_CHUNK = 2**17  # so many cosines stay in a core's own cache while they are looked through
_SAMPLE = 2**23  # pairs in the sample
_KEPT = 2**26  # cosines kept at once: 256 MB
_GROUPS = 12  # of the sample's rows, to see how much the sample says
_CUTS = 64  # into so many parts a range is cut that holds too many


class Blocks:
    """Blocks of float32 cosines; a block is overwritten by the next. Queries stand in the order of their people."""

    def __init__(self, inputs: Inputs) -> None:
        order = np.argsort(inputs.person, kind="stable")
        self.query, self.person = unit("query", inputs.query, order, np.float32), inputs.person[order]
        self.distractors = inputs.distractors
        n, dim = self.query.shape
        # All products have one shape, multiples of 16: so equal pairs have equal cosines wherever they stand
        self._side = math.ceil(n / math.ceil(n / _SIDE) / 16) * 16  # as few equal parts as may be
        self._rows, self._columns = np.zeros((_SIDE, dim), np.float32), np.zeros((self._side, dim), np.float32)
        self._product = np.empty((_SIDE, self._side), np.float32)

    def false(self) -> Iterator[np.ndarray]:
        """The cosines of all false pairs; minus infinity is no pair."""
        queries, others = _parts(len(self.query), _SIDE), _parts(len(self.distractors), _SIDE)
        for columns in _parts(len(self.query), self._side):
            yield from self._false(columns, queries, tqdm(others, desc="comparing", leave=False, delay=2))

    def positive(self) -> np.ndarray:
        """The cosines of all positive pairs."""
        found, place = [], np.arange(len(self.query))
        for columns in _parts(len(self.query), self._side):
            for rows in _parts(len(self.query), _SIDE):
                if self.person[rows][0] <= self.person[columns][-1] and rows.stop > columns.start:
                    is_pair = (self.person[rows, None] == self.person[columns]) & (place[rows, None] > place[columns])
                    found.append(self._cosines(self.query[rows], columns)[is_pair])
        return np.concatenate(found)

    def sample(self) -> tuple[np.ndarray, bool]:
        """Random false pairs ``(rows, columns)``, all equally likely, and whether the columns are the whole query."""
        generator, n = np.random.default_rng(0), len(self.query)
        columns = np.arange(n) if n <= self._side else np.sort(generator.integers(n, size=self._side))
        rows = np.sort(generator.integers(n + len(self.distractors), size=math.ceil(_SAMPLE / len(columns))))
        chosen = rows[rows < n], rows[rows >= n] - n
        queries, others = ([some[part] for part in _parts(len(some), _SIDE)] for some in chosen)
        blocks = [block.copy() for block in self._false(columns, queries, others)]
        return np.concatenate([np.empty((0, len(columns)), np.float32), *blocks]), len(columns) == n

    def _false(self, columns: Rows, queries: Iterable[Rows], others: Iterable[Rows]) -> Iterator[np.ndarray]:
        person = self.person[columns]
        for rows in queries:
            if self.person[rows][-1] > person[0]:
                block = self._cosines(self.query[rows], columns)
                block[person >= self.person[rows, None]] = -np.inf  # the column's person comes first: each pair once
                yield block
        for rows in others:
            yield self._cosines(unit("distractors", self.distractors, rows, np.float32), columns)

    def _cosines(self, rows: np.ndarray, columns: Rows) -> np.ndarray:
        columns = self.query[columns]
        for buffer, vectors in ((self._rows, rows), (self._columns, columns)):
            buffer[: len(vectors)], buffer[len(vectors) :] = vectors, 0
        return np.matmul(self._rows, self._columns.T, out=self._product)[: len(rows), : len(columns)]


def select(
    blocks: Callable[[], Iterable[np.ndarray]], count: int, ranks: Sequence[int], guesses: Sequence[Range]
) -> np.ndarray:
    """The values at these ranks of ``count`` float32 values between -2 and 2: exact, however wrong the guesses are."""
    above = {-2.0: count, 2.0: 0}  # how many values lie above an edge; that of rank r does if more than r do
    found: dict[int, float] = {}
    ranges = list(guesses)
    while len(found) < len(set(ranks)):
        counts, kept = _one_pass(blocks(), ranges)
        above |= counts
        ranges = []
        for rank in set(ranks) - set(found):
            low = max(edge for edge, number in above.items() if number > rank)
            high = min(edge for edge, number in above.items() if number <= rank)
            inside, number = kept[(kept > low) & (kept <= high)], above[low] - above[high]
            if len(inside) == number:
                place = number - 1 - (rank - above[high])
                found[rank] = float(np.partition(inside, place)[place])
            elif np.nextafter(np.float32(low), np.float32(2)) == high:  # many equal ones
                found[rank] = high
            else:
                parts = 1 if number <= _KEPT // len(ranks) else _CUTS
                edges = np.linspace(low, high, parts + 1).astype(np.float32).tolist()
                ranges += pairwise(edges)
    return np.array([found[rank] for rank in ranks])


def _one_pass(blocks: Iterable[np.ndarray], ranges: Sequence[Range]) -> tuple[dict[float, int], np.ndarray]:
    """How many values lie above each range's ends, and the values inside; none of these if they are too many."""
    counts = dict.fromkeys([edge for both in ranges for edge in both], 0)
    kept, size = [np.empty(0, np.float32)], 0
    for block in blocks:
        for values in np.array_split(block, math.ceil(block.size / _CHUNK)):
            above = {edge: values > edge for edge in counts}
            for edge, mask in above.items():
                counts[edge] += int(np.count_nonzero(mask))
            if size <= _KEPT:
                kept.append(values[np.logical_or.reduce([above[low] ^ above[high] for low, high in ranges])])
                size += len(kept[-1])
    return counts, np.concatenate(kept) if size <= _KEPT else kept[0]


def ranges_of_sample(sample: np.ndarray, all_columns: bool, shares: Sequence[float]) -> list[Range]:
    """Ranges in which the values with these shares of all values above them lie, very probably."""
    # Cosines of one row or column go together, so rows (and columns, unless these are all there are) are dealt out to
    # groups; from the least to the greatest of the groups' values is about six standard errors either way.
    groups = [sample[k::_GROUPS, slice(None) if all_columns else slice(k, None, _GROUPS)] for k in range(_GROUPS)]
    groups = [np.sort(group[group > -2])[::-1] for group in groups]
    ranges = []
    for share in shares:
        values = [group[int(share * len(group))] for group in groups if len(group)] or [-2.0, 2.0]
        low, high = min(values), max(values)
        is_open = share * len(groups[0]) < 1 and low < high  # too few lie above to tell
        ranges.append((float(np.nextafter(low, np.float32(-2))), 2.0 if is_open else float(high)))
    return ranges


def _parts(count: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
