import torch
from torch.nn import functional as F


def centre_distance(features, identities):
    units = F.normalize(features, dim=1)
    _, counts = torch.unique_consecutive(identities, return_counts=True)
    parts = []
    for own in units.split(counts.tolist()):
        if len(own) == 1:
            parts.append(torch.ones(1))
            continue
        others = own.sum(0) - own
        parts.append(1 - F.cosine_similarity(own, others, dim=1))
    return torch.cat(parts)
