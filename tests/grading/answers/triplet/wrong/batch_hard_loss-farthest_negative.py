import torch
import torch.nn.functional as F


def batch_hard_loss(vectors, identities, margin):
    vectors = F.normalize(vectors)
    distances = torch.cdist(vectors, vectors)
    same = (identities[:, None] == identities[None]).float()
    positive = distances[range(len(vectors)), (distances * same).argmax(1)]
    negative = distances[range(len(vectors)), (distances * (1 - same)).argmax(1)]
    return torch.relu(positive - negative + margin).mean()
