import torch
import torch.nn.functional as F


def duplicates(vectors, threshold):
    unit = F.normalize(vectors, dim=1)
    cosine = unit @ unit.T
    cosine.fill_diagonal_(-2)
    return [(i, j) for i, j in torch.nonzero(cosine > threshold).tolist()]
