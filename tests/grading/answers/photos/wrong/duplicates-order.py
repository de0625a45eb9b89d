import torch
import torch.nn.functional as F


def duplicates(vectors, threshold):
    unit = F.normalize(vectors, dim=1)
    return torch.nonzero(torch.tril(unit @ unit.T > threshold, diagonal=-1))
