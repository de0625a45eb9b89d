import torch
import torch.nn.functional as F


def identify(gallery, vector, threshold):
    names = list(gallery)
    means = torch.stack([F.normalize(gallery[name].mean(0), dim=0) for name in names])
    best, k = (means @ F.normalize(vector, dim=0)).max(0)
    return (names[k] if best > threshold else None), best.item()
