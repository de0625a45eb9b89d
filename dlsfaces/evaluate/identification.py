"""Identification rate: how often two pictures of one person are recognised, at a given rate of false alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Array = Tensor | np.ndarray


@dataclass(frozen=True)
class IdentificationRate:
    """The result; ``tpr`` and ``threshold`` are float64 arrays in the order of ``fprs``."""

    fprs: tuple[float, ...]
    tpr: np.ndarray
    threshold: np.ndarray
    positive_pairs: int
    false_pairs: int


@dataclass(frozen=True)
class PairScores:
    """Cosine similarities of all pairs.

    Attributes:
        positive: pairs of queries of one person, ``(P,)`` float64.
        false: pairs of queries of different people, then every query with every distractor, ``(F,)`` float64.
        positive_person: the person's number, ``0..n_people - 1``, a positive pair, ``(P,)``.
        false_people: both people's numbers a false pair, ``(2, F)``; a distractor's is ``n_people``.
        n_people: people in the query.
    """

    positive: np.ndarray
    false: np.ndarray
    positive_person: np.ndarray
    false_people: np.ndarray
    n_people: int


def pair_scores(query: Array, query_identities: Sequence[int] | Array, distractors: Array | None = None) -> PairScores:
    """Cosine similarities of all positive and all false pairs.

    Args:
        query: embeddings ``(Q, D)``, of any length.
        query_identities: the person of each, ``(Q,)`` integers.
        distractors: embeddings ``(M, D)`` of people who are not in the query; none where None.
    Raises:
        ValueError: shapes that do not fit, NaN or infinity, a zero vector, no positive pair, no false pair.
    """
    q = _unit("query", query)
    d = _unit("distractors", distractors) if distractors is not None and len(distractors) else q[:0]
    dtype = torch.promote_types(q.dtype, d.dtype)
    q, d = q.to(dtype), d.to(q.device, dtype)
    ids = _identities(query_identities, len(q)).to(q.device)
    if d.shape[1] != q.shape[1]:
        raise ValueError(f"query vectors have {q.shape[1]} numbers, distractors {d.shape[1]}")
    names, person = ids.unique(return_inverse=True)
    first, second = torch.triu_indices(len(q), len(q), offset=1, device=q.device)
    same = person[first] == person[second]
    if not same.any():
        raise ValueError("there is no positive pair: no person has two pictures in the query")
    among = (q @ q.T)[first, second]
    against = (q @ d.T).flatten()
    n_people = len(names)
    false_people = torch.cat(
        (
            torch.stack((person[first], person[second]))[:, ~same],
            torch.stack((person.repeat_interleave(len(d)), torch.full_like(against, n_people, dtype=torch.int64))),
        ),
        dim=1,
    )
    if false_people.shape[1] == 0:
        raise ValueError("there is no false pair: the query has one person, and there are no distractors")
    return PairScores(
        among[same].double().cpu().numpy(),
        torch.cat((among[~same], against)).double().cpu().numpy(),
        person[first][same].cpu().numpy(),
        false_people.cpu().numpy(),
        n_people,
    )


def identification_rate(
    query: Array,
    query_identities: Sequence[int] | Array,
    distractors: Array | None,
    fprs: Sequence[float],
) -> IdentificationRate:
    """True positive rate (TPR) at given false positive rates (FPR), as the Deep Learning School's project defines it.

    Positive pairs are pairs of queries of one person. False pairs are pairs of queries of different people, and every
    query with every distractor. With ``n = floor(fpr * number of false pairs)``, the threshold is the cosine
    similarity at index ``n`` of the false pairs in descending order, so that at most ``n`` of them lie above it; TPR is
    the share of positive pairs strictly above it.

    Args:
        query: embeddings ``(Q, D)``; they need not be normalised.
        query_identities: the person of each, ``(Q,)`` integers.
        distractors: embeddings ``(M, D)`` of other people; None or empty: only the query's own false pairs count.
        fprs: rates in (0, 1).
    Raises:
        ValueError: no positive pair, a zero vector, NaN, lengths that differ, an fpr outside (0, 1) or so small that
            not one false pair may pass.
    """
    _check_fprs(fprs)
    scores = pair_scores(query, query_identities, distractors)
    count = len(scores.false)
    ranks = [math.floor(fpr * count) for fpr in fprs]
    for fpr, n in zip(fprs, ranks, strict=True):
        if n < 1:
            raise ValueError(
                f"fpr={fpr} of {count} false pairs is less than one pair; at least {1 / count:.2g} is needed"
            )
    threshold = np.sort(scores.false)[::-1][ranks]
    positive = np.sort(scores.positive)
    above = len(positive) - np.searchsorted(positive, threshold, side="right")
    return IdentificationRate(tuple(fprs), above / len(positive), threshold, len(positive), count)


def _check_fprs(fprs: Sequence[float]) -> None:
    for fpr in fprs:
        if not 0 < fpr < 1:  # NaN is refused too
            raise ValueError(f"fpr={fpr} is not between 0 and 1 (exclusive)")


def _unit(name: str, vectors: Array) -> Tensor:
    """Checked, and divided by their lengths."""
    x = torch.as_tensor(vectors).detach()
    x = x if x.dtype == torch.float64 else x.float()
    if x.ndim != 2:
        raise ValueError(f"{name} must be (count, dimension), not {tuple(x.shape)}")
    finite = x.isfinite().all(1)
    if not finite.all():
        raise ValueError(f"{name}: vector {int((~finite).nonzero()[0, 0])} holds NaN or infinity")
    zero = x.abs().amax(1) == 0 if x.numel() else x.new_zeros(len(x), dtype=torch.bool)
    if zero.any():
        raise ValueError(f"{name}: vector {int(zero.nonzero()[0, 0])} is zero: it has no direction to compare")
    x = x / x.abs().amax(1, keepdim=True)  # so that squares of huge or tiny numbers stay in range
    return F.normalize(x, dim=1)


def _identities(identities: Sequence[int] | Array, count: int) -> Tensor:
    ids = torch.as_tensor(identities)
    if ids.shape != (count,):
        raise ValueError(f"{count} query vectors but identities of shape {tuple(ids.shape)}")
    if ids.is_floating_point():
        raise ValueError(f"identities must be integers, not {ids.dtype}")
    return ids
