import torch
import torch.nn.functional as F


def false_positive_rate(gallery, strangers, threshold):
    if not gallery:
        return 0.0
    means = torch.stack([F.normalize(rows.mean(0), dim=0) for rows in gallery.values()])
    cosines = F.normalize(strangers, dim=1) @ means.T
    return (cosines > threshold).float().mean().item()
