import torch
import torch.nn.functional as F


def false_positive_rate(gallery, strangers, threshold):
    means = torch.stack([F.normalize(rows.mean(0), dim=0) for rows in gallery.values()])
    cosines = F.normalize(strangers, dim=1) @ means.T
    return (cosines.max(1).values > threshold).float().mean().item()
