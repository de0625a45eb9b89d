"""Exact order statistics of more scores than fit into memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np
from torch import Tensor

Range = tuple[float, float]  # of the scores x with low < x <= high

# Cosines lie strictly between, whatever the rounding.
LOWEST, HIGHEST = -2.0, 2.0
# So many scores are looked through at once: half a MB of float32.
_HANDY = 2**17
# So many scores are kept at once: 128 MB of float32.
_KEPT = 2**25
# A range spans so many standard errors of the sample to both sides. One that misses costs another pass or two.
_ERRORS = 4
# Where a sample misled, a range is cut into so many parts a pass.
_PARTS = 64


def order_statistics(
    blocks: Callable[[], Iterable[Tensor]],
    count: int,
    indices: Sequence[int],
    guesses: Callable[[], Sequence[Range]],
    dtype: np.dtype,
) -> np.ndarray:
    """The scores at these indices of all scores in descending order: exact, and in few passes over them.

    A pass counts the scores above some edges, and keeps the scores of some ranges between edges. The score at index
    ``i`` is above an edge exactly if more than ``i`` scores are. So each pass narrows down where it lies, until the
    scores of its range have been kept, or the range holds a single number. With good guesses one pass is enough; where
    they were wrong, ranges are cut into parts.

    Args:
        blocks: gives all scores anew, in blocks that may be overwritten by the next; minus infinity is no score.
        count: how many scores there are.
        indices: from 0 to ``count - 1``.
        guesses: ranges that should hold the wanted scores and few others; asked for only where not all can be kept.
        dtype: of the scores.
    Returns:
        float64 ``(len(indices),)``.
    """
    above = {LOWEST: count, HIGHEST: 0}
    found: dict[int, float] = {}
    edges, ranges = [], _merged(guesses()) if count > _KEPT else [(LOWEST, HIGHEST)]
    while True:
        kept = _pass(blocks, above, edges, ranges)
        missing: dict[Range, list[int]] = {}
        for index in set(indices) - set(found):
            missing.setdefault(_narrowest(above, index), []).append(index)
        for (low, high), here in missing.items():
            if (low, high) in kept:
                scores = kept[low, high]
                places = [len(scores) - 1 - (index - above[high]) for index in here]
                scores.partition(places)
                found |= zip(here, scores[places].tolist())
            elif np.nextafter(dtype.type(low), dtype.type(high)) == high:
                found |= dict.fromkeys(here, high)
        if len(found) == len(set(indices)):
            return np.array([found[index] for index in indices])
        edges, ranges = _plan(above, [part for part, here in missing.items() if here[0] not in found], dtype)


def ranges_of_sample(sample: np.ndarray, all_columns: bool, shares: Sequence[float]) -> list[Range]:
    """Ranges in which the scores with these shares of all scores above them lie, very probably.

    The scores of a row depend on each other, and so do those of a column. So the error of a share is estimated from
    how it differs between rows, and between columns where these are a sample too (Owen 2007, "The pigeonhole
    bootstrap"), not from the number of scores.

    Args:
        sample: ``(rows, columns)``, minus infinity where there is no score.
        all_columns: the columns are all that there are.
    """
    is_score = sample > LOWEST
    scores = np.sort(sample[is_score])[::-1]
    if not len(scores):
        return [(LOWEST, HIGHEST)]
    ranges = []
    for share in shares:
        index = share * len(scores)
        is_above = sample > scores[min(int(index), len(scores) - 1)]
        excess = [is_above.sum(axis) - share * is_score.sum(axis) for axis in ((1,) if all_columns else (0, 1))]
        spread = math.sqrt(sum(len(sums) * sums.var() for sums in excess))
        # The square keeps the range open where few scores or none lie above, and the spread means little.
        margin = _ERRORS * spread + _ERRORS**2
        first, last = math.floor(index - margin), math.ceil(index + margin)
        top, bottom = scores[max(first, 0)], scores[min(last, len(scores) - 1)]
        high = HIGHEST if first < 0 and bottom < top else float(top)  # many equal ones: none is expected above
        low = LOWEST if last >= len(scores) else float(np.nextafter(bottom, bottom.dtype.type(LOWEST)))
        ranges.append((low, high))
    return ranges


def _merged(ranges: Sequence[Range]) -> list[Range]:
    """The same scores in ranges that neither overlap nor touch."""
    merged: list[Range] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return merged


def _narrowest(above: dict[float, int], index: int) -> Range:
    """The narrowest range between known edges that holds the score at this index."""
    return max(edge for edge in above if above[edge] > index), min(edge for edge in above if above[edge] <= index)


def _plan(above: dict[float, int], ranges: Collection[Range], dtype: np.dtype) -> tuple[list[float], list[Range]]:
    """For the next pass: edges that cut the ranges with too many scores, and the other ranges, to be kept."""
    edges, small = [], []
    for low, high in sorted(ranges):
        if above[low] - above[high] <= _KEPT:
            small.append((low, high))
        else:
            cuts = np.linspace(low, high, _PARTS + 1).astype(dtype)
            edges += [edge for edge in np.unique(cuts).tolist() if low < edge < high]
    return edges, small


def _pass(
    blocks: Callable[[], Iterable[Tensor]], above: dict[float, int], edges: Sequence[float], ranges: Sequence[Range]
) -> dict[Range, np.ndarray]:
    """Count the scores above each edge and end of a range into ``above``; give the ranges' scores while they fit."""
    counts = dict.fromkeys([*edges, *(end for part in ranges for end in part)], 0)
    kept: dict[Range, list[np.ndarray]] = {part: [] for part in ranges}
    sizes = dict.fromkeys(ranges, 0)
    for block in blocks():
        for scores in _handy(block):
            number, found = _look(scores, edges, ranges, kept)
            for edge in number:
                counts[edge] += number[edge]
            for part in found:
                kept[part].append(found[part])
                sizes[part] += len(found[part])
        while sum(sizes[part] for part in kept) > _KEPT:
            del kept[max(kept, key=sizes.__getitem__)]  # its turn comes in a later pass
    above |= counts
    return {part: np.concatenate(scores) for part, scores in kept.items()}


def _handy(block: Tensor) -> list[np.ndarray] | list[Tensor]:
    """On the CPU arrays that fit into a core's own cache: there numpy, on one thread, compares faster than torch."""
    if block.device.type != "cpu":
        return [block]
    return np.array_split(block.numpy(), math.ceil(block.numel() / _HANDY))


def _look(
    scores: np.ndarray | Tensor, edges: Sequence[float], ranges: Sequence[Range], kept: Collection[Range]
) -> tuple[dict[float, int], dict[Range, np.ndarray]]:
    """How many scores lie above each edge and end of a range, and the scores of the ranges that are kept."""
    number = {edge: _count(scores > edge) for edge in edges}
    inside = None
    for low, high in ranges:
        between, above = scores > low, scores > high
        between ^= above
        number[high] = _count(above)
        if (low, high) not in kept:
            number[low] = number[high] + _count(between)
        elif inside is None:
            inside = between
        else:
            inside |= between
    if inside is None:
        return number, {}
    picked = scores[inside]
    picked = picked if isinstance(picked, np.ndarray) else picked.cpu().numpy()
    found = {}
    for low, high in kept:
        found[low, high] = picked if len(kept) == 1 else picked[(picked > low) & (picked <= high)]
        number[low] = number[high] + len(found[low, high])
    return number, found


def _count(mask: np.ndarray | Tensor) -> int:
    return int(np.count_nonzero(mask) if isinstance(mask, np.ndarray) else mask.count_nonzero())
