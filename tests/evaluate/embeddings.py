"""Embeddings of made-up people, and the definitions by loops in float64."""

import itertools

import numpy as np
import torch


def people(seed=0, n=12, images=5, distractors=40, dim=16, spread=1.0):
    """A query of ``n`` people with ``images`` each, their identities, and distractors; of lengths from 1 to 10."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(n, dim, generator=generator)
    ids = torch.arange(n).repeat_interleave(images)
    query = centres[ids] + spread * torch.randn(len(ids), dim, generator=generator)
    return (
        query * (1 + 9 * torch.rand(len(ids), 1, generator=generator)),
        ids,
        torch.randn(distractors, dim, generator=generator),
    )


def cosine(a, b):
    return float(np.dot(a, b) / np.sqrt(np.dot(a, a)) / np.sqrt(np.dot(b, b)))


def pairs_by_loops(query, ids, distractors=()):
    """Positive and false cosines, one pair at a time."""
    query, distractors = np.asarray(query, np.float64), np.asarray(distractors, np.float64)
    positive, false = [], []
    for i, j in itertools.combinations(range(len(query)), 2):
        (positive if ids[i] == ids[j] else false).append(cosine(query[i], query[j]))
    return positive, false + [cosine(a, b) for a in query for b in distractors]
