"""In numpy and float64, with ranks for the AUROC."""

import numpy as np


def _unit(x):
    x = np.asarray(x, dtype=np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def norm_score(features):
    return -(np.linalg.norm(np.asarray(features, dtype=np.float64), axis=1) ** 2)


def centre_distance(features, identities, lone=1.0):
    u, who = _unit(features), np.asarray(identities)
    out = np.full(len(u), lone)
    for person in np.unique(who):
        rows = np.flatnonzero(who == person)
        if len(rows) < 2:
            continue
        rest = u[rows].sum(0) - u[rows]
        out[rows] = 1 - np.einsum("nd,nd->n", u[rows], rest) / np.linalg.norm(rest, axis=1)
    return out


def auroc(score, is_trash):
    score, bad = np.asarray(score, dtype=np.float64), np.asarray(is_trash)
    ordered = np.sort(score)
    ranks = (np.searchsorted(ordered, score, "left") + np.searchsorted(ordered, score, "right") + 1) / 2
    p, n = bad.sum(), (~bad).sum()
    return (ranks[bad].sum() - p * (p + 1) / 2) / (p * n)


def precision_at(score, is_trash, k):
    best = np.argpartition(-np.asarray(score), k - 1)[:k]
    return np.asarray(is_trash)[best].mean()


def duplicates(vectors, threshold):
    u = _unit(vectors)
    return np.argwhere(np.triu(u @ u.T >= threshold, k=1))
