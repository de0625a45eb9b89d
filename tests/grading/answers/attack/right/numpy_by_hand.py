"""In numpy and float64, with the chain rule by hand."""

import numpy as np


def _double(*arrays):
    return [np.array(one, dtype=np.float64) for one in arrays]


def similarity_gradient(images, targets, weight1, weight2):
    x, t, w1, w2 = _double(images, targets, weight1, weight2)
    hidden = np.tanh(x.reshape(len(x), -1) @ w1.T)
    raw = hidden @ w2.T
    norm = np.linalg.norm(raw, axis=1, keepdims=True)
    unit = raw / norm
    cosine = np.sum(unit * t, axis=1, keepdims=True)
    back = (t - cosine * unit) / norm
    return (((back @ w2) * (1 - hidden * hidden)) @ w1).reshape(x.shape)


def fgsm(images, gradient, eps):
    x, g = _double(images, gradient)
    x[g > 0] += eps
    x[g < 0] -= eps
    return np.clip(x, 0, 1)


def pgd_step(images, start, gradient, eps, alpha):
    x, s, g = _double(images, start, gradient)
    low, high = np.maximum(s - eps, 0), np.minimum(s + eps, 1)
    return np.clip(x + alpha * np.sign(g), low, high)


def pgd(images, targets, weight1, weight2, eps, alpha, steps):
    x = np.array(images, dtype=np.float64)
    low, high = np.clip(x - eps, 0, 1), np.clip(x + eps, 0, 1)
    for _ in range(int(steps)):
        x = np.clip(x + alpha * np.sign(similarity_gradient(x, targets, weight1, weight2)), low, high)
    return x.astype(np.float32)


def bisect(low, high, needed, rounds):
    width = np.float64(high - low)
    for _ in range(rounds):
        width /= 2
        if high - width >= needed:
            high -= width
    return high
