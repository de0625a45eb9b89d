import torch
from torch.nn import functional as F


def duplicates(vectors, threshold):
    v = F.normalize(vectors, dim=1)
    upper = torch.triu(v @ v.T, diagonal=1)
    return [(int(i), int(j)) for i, j in torch.nonzero(upper > threshold)]
