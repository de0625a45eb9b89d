import torch
from torch.nn import functional as F


def distances(vectors):
    square = ((vectors[:, None] - vectors[None]) ** 2).sum(2)
    zero = square == 0
    return torch.where(zero, torch.ones_like(square), square).sqrt().masked_fill(zero, 0.0)


def hardest(distances, identities):
    same = identities[:, None] == identities[None]
    itself = torch.eye(len(identities), dtype=torch.bool)
    positive = distances.masked_fill(~same | itself, -float("inf")).max(1).values
    negative = distances.masked_fill(same, float("inf")).min(1).values
    return positive, negative


def batch_hard_loss(vectors, identities, margin):
    positive, negative = hardest(distances(F.normalize(vectors, dim=1)), identities)
    return F.relu(positive - negative + margin).mean()


def semihard_negative(d_positive, d_negatives, margin):
    good = (d_negatives > d_positive) & (d_negatives < d_positive + margin)
    if not good.any():
        return -1
    return int(d_negatives.masked_fill(~good, float("inf")).argmin())
