"""In numpy, float64, with ``>=`` at the threshold."""

import numpy as np


def _unit(x):
    x = np.asarray(x, dtype=np.float64)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def positive_similarities(vectors, who, *, verbose=False):
    u, who = _unit(vectors), np.asarray(who)
    rows, columns = np.nonzero(np.triu(who[:, None] == who[None], k=1))
    return np.einsum("nd,nd->n", u[rows], u[columns])


def negative_similarities(vectors, who, others):
    u, who = _unit(vectors), np.asarray(who)
    rows, columns = np.nonzero(np.tril(who[:, None] != who[None], k=-1))
    return np.concatenate([(u[rows] * u[columns]).sum(1), (u @ _unit(others).T).ravel()])


def tpr_at_fpr(positive, negative, fpr):
    negative = np.sort(np.asarray(negative))[::-1]
    n = min(int(fpr * len(negative)), len(negative) - 1)
    return np.mean(np.asarray(positive) >= negative[n]), negative[n]
