import torch
import torch.nn.functional as F


def batch_hard_loss(vectors, identities, margin):
    vectors = F.normalize(vectors)
    distances = torch.cdist(vectors, vectors)
    same = (identities[:, None] == identities[None]).float()
    positive = (distances * same).max(1).values
    negative = (distances * (1 - same)).min(1).values
    return torch.relu(positive - negative + margin).mean()
