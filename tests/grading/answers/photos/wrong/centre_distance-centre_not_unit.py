import torch
import torch.nn.functional as F


def centre_distance(features, identities):
    unit = F.normalize(features, dim=1)
    distances = []
    for i in range(len(unit)):
        others = [unit[j] for j in range(len(unit)) if j != i and identities[j] == identities[i]]
        if not others:
            distances.append(torch.tensor(1.0))
        else:
            distances.append(1 - unit[i] @ torch.stack(others).mean(0))
    return torch.stack(distances)
