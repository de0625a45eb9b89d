import torch
import torch.nn.functional as F


def batch_hard_loss(vectors, identities, margin):
    vectors = F.normalize(vectors)
    distances = torch.cdist(vectors, vectors)
    losses = []
    for a in range(len(vectors)):
        for p in range(len(vectors)):
            for n in range(len(vectors)):
                if a != p and identities[a] == identities[p] and identities[a] != identities[n]:
                    losses.append(torch.relu(distances[a, p] - distances[a, n] + margin))
    return torch.stack(losses).mean()
