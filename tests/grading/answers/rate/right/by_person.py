"""Person by person, in groups."""

import math

import torch
import torch.nn.functional as F

EPS = 1e-12


def groups(vectors, who):
    unit = F.normalize(vectors.double(), dim=1, eps=EPS)
    return {int(p): unit[who == p] for p in torch.unique(who)}


def positive_similarities(vectors, who):
    parts = []
    for unit in groups(vectors, who).values():
        full = unit @ unit.t()
        parts.append(full[torch.ones_like(full).triu(diagonal=1).bool()])
    return torch.cat(parts)


def negative_similarities(vectors, who, others):
    found = list(groups(vectors, who).items())
    parts = [(a @ b.t()).flatten() for k, (_, a) in enumerate(found) for _, b in found[k + 1 :]]
    parts += [(a @ F.normalize(others.double()).t()).flatten() for _, a in found]
    return torch.cat(parts)


def tpr_at_fpr(positive, negative, fpr):
    n = negative.shape[0]
    index = math.floor(fpr * n)
    if index >= n:
        index = n - 1
    threshold = torch.sort(-negative)[0][index] * -1
    return {True: 0.0, False: (positive > threshold).double().mean().item()}[len(positive) == 0], threshold.item()
