"""With masks and matrices, an ROC curve, and combinations."""

import torch
from torch.nn.functional import normalize


def norm_score(features):
    return torch.exp(-features.norm(p=2, dim=-1) / 10)


def centre_distance(features, identities):
    unit = normalize(features.double(), dim=1)
    others = torch.eq(*torch.meshgrid(identities, identities, indexing="ij")).double()
    others -= torch.eye(len(unit)).double()
    return 1 - torch.einsum("nd,nd->n", unit, normalize(torch.einsum("nm,md->nd", others, unit), dim=1))


def auroc(score, is_trash):
    levels = torch.unique(score).flip(0)
    tpr = torch.stack([(score[is_trash] >= one).double().mean() for one in levels])
    fpr = torch.stack([(score[~is_trash] >= one).double().mean() for one in levels])
    start = torch.zeros(1).double()
    return torch.trapezoid(torch.cat((start, tpr)), torch.cat((start, fpr)))


def precision_at(score, is_trash, k):
    mask = torch.zeros_like(is_trash).scatter(0, torch.topk(score, k).indices, True)
    return (mask & is_trash).sum() / mask.sum()


def duplicates(vectors, threshold):
    pairs = torch.combinations(torch.arange(len(vectors)))
    cosine = torch.cosine_similarity(vectors[pairs[:, 0]], vectors[pairs[:, 1]], dim=1)
    return pairs[cosine > threshold]
