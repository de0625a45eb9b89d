"""Masks and infinity; the root with a small number inside."""

import torch
import torch.nn.functional as F


def distances(vectors, eps=1e-12):
    difference = vectors.unsqueeze(0) - vectors.unsqueeze(1)
    return torch.sqrt(difference.pow(2).sum(dim=-1) + eps)


def hardest(distances, identities):
    same = identities.unsqueeze(0) == identities.unsqueeze(1)
    positive = distances.masked_fill(~same, float("-inf")).max(dim=1).values
    negative = distances.masked_fill(same, float("inf")).min(dim=1)[0]
    return positive, negative


def batch_hard_loss(vectors, identities, margin=0.3):
    positive, negative = hardest(distances(F.normalize(vectors, p=2, dim=1)), identities)
    return F.relu(positive - negative + margin).mean()


def semihard_negative(d_positive, d_negatives, margin):
    mask = (d_negatives > d_positive) & (d_negatives < d_positive + margin)
    if not mask.any():
        return -1
    return d_negatives.masked_fill(~mask, float("inf")).argmin()
