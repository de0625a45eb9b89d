import torch
from torch.nn import functional as F


def batch_hard_loss(vectors, identities, margin):
    x = F.normalize(vectors, dim=-1)
    d2 = ((x[:, None] - x) ** 2).sum(-1)
    d = (d2 + (d2 == 0).float()).sqrt() * (d2 != 0).float()
    total, count = 0.0 * vectors.sum(), 0
    for a in range(len(x)):
        same = identities == identities[a]
        other = ~same
        same = same & (torch.arange(len(x)) != a)
        cost = d[a][same].max() - d[a][other].min() + margin
        if cost > 0:
            total = total + cost
            count += 1
    return total / max(count, 1)
