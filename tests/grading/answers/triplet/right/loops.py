"""Everything in loops, without a matrix."""

import torch


def dist(a, b):
    return torch.linalg.vector_norm(a - b)


def distances(vectors):
    n = len(vectors)
    return torch.stack([torch.stack([dist(vectors[i], vectors[j]) for j in range(n)]) for i in range(n)])


def hardest(distances, identities):
    farthest, nearest = [], []
    for i in range(len(identities)):
        p, n = None, None
        for j in range(len(identities)):
            d = distances[i][j]
            if i == j:
                continue
            if identities[i] == identities[j]:
                p = d if p is None or d > p else p
            elif n is None or d < n:
                n = d
        farthest.append(p)
        nearest.append(n)
    return farthest, nearest


def batch_hard_loss(vectors, identities, margin):
    lengths = (vectors**2).sum(1, keepdim=True) ** 0.5
    far, near = hardest(distances(vectors / lengths), identities)
    loss = 0
    for p, n in zip(far, near):
        loss = loss + torch.clamp(p - n + margin, min=0)
    return loss / len(vectors)


def semihard_negative(d_positive, d_negatives, margin):
    best = -1
    for k, d in enumerate(d_negatives.tolist()):
        if d_positive <= d <= d_positive + margin and (best < 0 or d < d_negatives[best]):
            best = k
    return best
