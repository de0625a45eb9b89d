import torch
import torch.nn.functional as F


def batch_hard_loss(vectors, identities, margin):
    vectors = F.normalize(vectors)
    distances = torch.cdist(vectors, vectors)
    same = identities[:, None] == identities[None]
    positive = distances.masked_fill(~same, -1).max(1).values
    negative = distances.masked_fill(same, 1e9).min(1).values
    total = 0.0
    for p, n in zip(positive, negative):
        total += max(0.0, p.item() - n.item() + margin)
    return total / len(vectors)
