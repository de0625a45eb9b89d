import torch
from torch.nn import functional as F


def positive_similarities(vectors, who):
    unit = F.normalize(vectors, dim=1)
    cosines = unit @ unit.T
    same = who[:, None] == who[None, :]
    return cosines[torch.triu(same, diagonal=1)]


def negative_similarities(vectors, who, others):
    unit, strangers = F.normalize(vectors, dim=1), F.normalize(others, dim=1)
    cosines = unit @ unit.T
    differ = who[:, None] != who[None, :]
    return torch.cat([cosines[torch.triu(differ, diagonal=1)], (unit @ strangers.T).flatten()])


def tpr_at_fpr(positive, negative, fpr):
    ranked = negative.sort(descending=True).values
    at = min(int(fpr * len(ranked)), len(ranked) - 1)
    threshold = ranked[at].item()
    return (positive > threshold).float().mean().item(), threshold
