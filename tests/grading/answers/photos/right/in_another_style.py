import torch
from torch.nn import functional as F


def norm_score(features):
    return -features.square().sum(1).sqrt()


def centre_distance(features, identities):
    unit = F.normalize(features, dim=1)
    result = torch.ones(len(unit), dtype=unit.dtype)
    for k in range(len(unit)):
        others = identities == identities[k]
        others[k] = False
        if others.any():
            result[k] = 1 - unit[k] @ F.normalize(unit[others].mean(0), dim=0)
    return result


def auroc(score, is_trash):
    trash, clean = score[is_trash][:, None], score[~is_trash][None]
    return float(((trash > clean).double() + 0.5 * (trash == clean).double()).mean())


def precision_at(score, is_trash, k):
    return float(is_trash[score.argsort(descending=True)[:k]].float().mean())


def duplicates(vectors, threshold):
    unit = F.normalize(vectors, dim=1)
    above = unit @ unit.T > threshold
    return torch.triu(above, diagonal=1).nonzero()
