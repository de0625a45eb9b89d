import torch
import torch.nn.functional as F


def distances(vectors):
    sq = (vectors[:, None] - vectors[None, :]).square().sum(dim=2)
    safe = torch.where(sq > 0, sq, torch.ones_like(sq))
    return torch.where(sq > 0, safe.sqrt(), torch.zeros_like(sq))


def hardest(dist, identities):
    same = identities[:, None] == identities[None, :]
    positive = dist.masked_fill(~same, 0.0).max(dim=1).values
    negative = dist.masked_fill(same, float("inf")).min(dim=1).values
    return positive, negative


def batch_hard_loss(vectors, identities, margin):
    d_ap, d_an = hardest(distances(F.normalize(vectors, dim=1)), identities)
    return torch.relu((d_ap - d_an + margin).mean())
