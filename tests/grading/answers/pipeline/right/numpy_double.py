"""In numpy, float64, with ``>=`` at the threshold, and a threshold between two strangers."""

import numpy as np


def _unit(x):
    x = np.asarray(x, dtype=np.float64)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def enrol(gallery, name, vectors):
    known = [np.asarray(gallery[name])] if name in gallery else []
    return {**gallery, name: np.vstack([*known, _unit(vectors)])}


def _cosines(gallery, vectors):
    means = _unit(np.stack([np.asarray(rows).mean(axis=0) for rows in gallery.values()]))
    return _unit(vectors) @ means.T


def identify(gallery, vector, threshold, unknown=None):
    if len(gallery) == 0:
        return unknown, float("-inf")
    cosines = _cosines(gallery, vector)
    k = np.argmax(cosines)
    return (list(gallery)[k] if cosines[k] >= threshold else unknown), cosines[k]


def false_positive_rate(gallery, strangers, threshold):
    if not gallery:
        return np.float64(0)
    return np.mean(_cosines(gallery, strangers).max(axis=1) >= threshold)


def threshold_for(gallery, strangers, fpir):
    best = np.sort(_cosines(gallery, strangers).max(axis=1))[::-1]
    allowed = int(np.floor(fpir * len(best)))
    if allowed >= len(best):
        return -1.0
    return best[allowed] + 1e-7
