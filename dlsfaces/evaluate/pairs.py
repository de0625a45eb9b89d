"""Pairs of images: embeddings checked, which pairs are positive, which are false, and how similar they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

Array = Tensor | np.ndarray
Ids = Sequence[int] | Array
Rows = slice | np.ndarray
_MOST_PAIRS = 100_000_000  # pair_scores holds no more: these take about 3 GB


def as_vectors(name: str, vectors: Array | Sequence[Sequence[float]], dim: int | None = None) -> Array:
    """Embeddings ``(N, D)`` as they came, once their shape is checked; a memory map stays on disk."""
    vectors = vectors if isinstance(vectors, Tensor) else np.asarray(vectors)
    if vectors.ndim != 2:
        raise ValueError(f"{name} must be (count, dimension), not {tuple(vectors.shape)}")
    if dim not in (None, vectors.shape[1]):
        raise ValueError(f"{name} vectors have {vectors.shape[1]} numbers, the others {dim}")
    return vectors


def unit(name: str, vectors: Array, rows: Rows = slice(None), dtype: type = np.float64) -> np.ndarray:
    """These rows divided by their lengths, as an array; refuses vectors that are zero or hold NaN or infinity."""
    x = vectors[rows]
    if isinstance(x, Tensor):
        x = x.detach().cpu().to(torch.float64 if dtype is np.float64 else torch.float32).numpy()
    x = np.asarray(x, dtype)
    with np.errstate(over="ignore"):
        length = np.sqrt(np.einsum("nd,nd->n", x, x))
    if dtype is np.float32 and not ((length > 1e-15) & (length < 1e15)).all():  # squares may leave float32's range
        return unit(name, vectors, rows).astype(np.float32)
    bad = np.flatnonzero(~((length > 0) & (length < np.inf)))
    if len(bad):
        place = np.arange(len(vectors))[rows][bad[0]]
        wrong = "is zero: it has no direction to compare" if length[bad[0]] == 0 else "holds NaN or infinity"
        raise ValueError(f"{name}: vector {place} {wrong}")
    return x / length[:, None]


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of the rows of ``a`` ``(A, D)`` with those of ``b`` ``(B, D)``, both float64 of length 1: float32 ``(A, B)``."""
    return (a @ b.T).astype(np.float32)  # equal pairs are equal: the last bit of float64 differs with a sum's order


def identity_numbers(name: str, identities: Ids, count: int) -> np.ndarray:
    """Ids as an array of integers ``(count,)``; refuses others."""
    ids = identities.cpu().numpy() if isinstance(identities, Tensor) else np.asarray(identities)
    if ids.shape != (count,):
        raise ValueError(f"{count} {name} vectors but identities of shape {ids.shape}")
    if len(ids) and ids.dtype.kind not in "iub":
        raise ValueError(f"identities must be integers, not {ids.dtype}")
    return ids


def known_people(name: str, identities: Ids, count: int) -> np.ndarray:
    """:func:`identity_numbers` where everybody is known."""
    ids = identity_numbers(name, identities, count)
    if (ids < 0).any():
        place = np.flatnonzero(ids < 0)[0]
        raise ValueError(f"{name}: vector {place} is of an unknown person (identity {ids[place]}): leave it out")
    return ids


@dataclass(frozen=True)
class PairScores:
    """Cosine similarities of P positive and F false pairs."""

    positive: np.ndarray  # pairs of queries of one person, (P,) float64
    false: np.ndarray  # pairs of queries of different people, then every query with every distractor, (F,) float64
    positive_person: np.ndarray  # the person's number, 0..n_people - 1, (P,)
    false_people: np.ndarray  # both people's numbers, (2, F); a distractor's is n_people
    images: np.ndarray  # how many each person has in the query, (n_people,)

    @property
    def n_people(self) -> int:
        """People in the query."""
        return len(self.images)


@dataclass(frozen=True)
class Inputs:
    """A query and its distractors, not yet normalised, with each query's person as a number from 0."""

    query: Array
    person: np.ndarray
    images: np.ndarray
    distractors: Array
    n_positive: int
    n_false: int


def checked(query: Array, query_identities: Ids, distractors: Array | None) -> Inputs:
    """The inputs of :func:`pair_scores`; the vectors' numbers are checked when they are compared."""
    query = as_vectors("query", query)
    if distractors is None or not len(distractors):
        distractors = np.empty((0, query.shape[1]), np.float32)
    distractors = as_vectors("distractors", distractors, query.shape[1])
    ids = known_people("query", query_identities, len(query))
    _, person, images = np.unique(ids, return_inverse=True, return_counts=True)
    return Inputs(query, person, images, distractors, *count_pairs(images, len(distractors)))


def count_pairs(images: np.ndarray, n_distractors: int) -> tuple[int, int]:
    """How many positive and false pairs a query of people with so many images each has; refuses none of either."""
    n, n_positive = int(images.sum()), int((images * (images - 1) // 2).sum())
    n_false = n * (n - 1) // 2 - n_positive + n * n_distractors
    if not n_positive:
        raise ValueError("there is no positive pair: no person has two images in the query")
    if not n_false:
        raise ValueError("there is no false pair: the query has one person, and there are no distractors")
    return n_positive, n_false


def pair_scores(query: Array, query_identities: Ids, distractors: Array | None = None) -> PairScores:
    """Cosine similarities of all positive and all false pairs, in the order of ``torch.triu_indices``.

    Queries ``(Q, D)``, with the person of each, ``(Q,)`` integers from 0, and distractors ``(M, D)`` of people who are
    not in the query need not be normalised. ``ValueError`` where a vector is zero or holds NaN or infinity, where there
    is no positive or no false pair, or where there are more than should be held at once.
    """
    inputs = checked(query, query_identities, distractors)
    if inputs.n_positive + inputs.n_false > _MOST_PAIRS:
        found = f"{inputs.n_positive + inputs.n_false:,} pairs are more than the {_MOST_PAIRS:,} that pair_scores holds"
        raise ValueError(f"{found}: use identification_rate, or fewer distractors or queries")
    q, d = unit("query", inputs.query), unit("distractors", inputs.distractors)
    person, n_people = inputs.person, len(inputs.images)
    same = person[:, None] == person
    once = np.triu(np.ones_like(same), 1)  # each pair once, nobody with themselves
    among, against = cosines(q, q), cosines(q, d)
    i, j = np.nonzero(once & ~same)
    first = np.concatenate((person[i], np.repeat(person, len(d))), dtype=np.int32)
    second = np.concatenate((person[j], np.full(against.size, n_people)), dtype=np.int32)
    return PairScores(
        positive=among[once & same].astype(np.float64),
        false=np.concatenate((among[i, j], against.ravel()), dtype=np.float64),
        positive_person=person[np.nonzero(once & same)[0]],
        false_people=np.stack((first, second)),
        images=inputs.images,
    )
