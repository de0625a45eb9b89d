import torch
import torch.nn.functional as F


def batch_hard_loss(vectors, identities, margin):
    vectors = F.normalize(vectors)
    distances = torch.cdist(vectors, vectors)
    same = identities[:, None] == identities[None]
    positive = distances.masked_fill(~same, -1).max(1).values
    negative = distances.masked_fill(same, 1e9).min(1).values
    return torch.relu(positive**2 - negative**2 + margin).mean()
