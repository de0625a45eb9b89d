import torch
import torch.nn.functional as F


def duplicates(vectors, threshold):
    unit = F.normalize(vectors, dim=1)
    return torch.nonzero(unit @ unit.T > threshold)
