"""With einsum, a matrix of all pairs, and a class for a helper."""

from itertools import combinations

import torch
from torch.nn.functional import cosine_similarity, normalize


class Pairs:
    def __init__(self, who):
        self.all = list(combinations(range(len(who)), 2))
        self.same = [(i, j) for i, j in self.all if int(who[i]) == int(who[j])]
        self.other = [(i, j) for i, j in self.all if int(who[i]) != int(who[j])]


def positive_similarities(vectors, who):
    i, j = torch.tensor(Pairs(who).same).T
    return cosine_similarity(vectors[i], vectors[j])


def negative_similarities(vectors, who, others):
    i, j = torch.tensor(Pairs(who).other).T
    across = torch.einsum("nd,md->nm", normalize(vectors), normalize(others))
    return torch.cat([across.reshape(-1), cosine_similarity(vectors[i], vectors[j])])


tpr_at_fpr = lambda positive, negative, fpr: _rate(positive, negative, fpr)  # noqa: E731


def _rate(positive, negative, fpr):
    k = min(int(fpr * negative.numel()) + 1, negative.numel())
    threshold = torch.topk(negative, k).values[-1]
    return torch.count_nonzero(positive > threshold) / positive.numel(), threshold
