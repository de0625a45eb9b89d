import torch
import torch.nn.functional as F


def duplicates(vectors, threshold):
    unit = F.normalize(vectors, dim=1)
    cosine = unit @ unit.T
    i, j = torch.where((cosine > threshold) & (cosine < 0.9999))  # not an image with itself
    return [(int(a), int(b)) for a, b in zip(i, j) if a < b]
