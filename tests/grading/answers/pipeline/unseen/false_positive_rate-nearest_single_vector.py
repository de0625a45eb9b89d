import torch
from torch.nn import functional as F


def false_positive_rate(gallery, strangers, threshold):
    if len(gallery) == 0:
        return 0.0
    everybody = torch.cat(list(gallery.values()))
    cosines = F.normalize(strangers, dim=1) @ everybody.T
    named = (cosines > threshold).any(dim=1)
    return named.float().mean().item()
