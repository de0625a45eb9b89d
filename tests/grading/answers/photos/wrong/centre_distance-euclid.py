import torch
import torch.nn.functional as F


def centre_distance(features, identities):
    unit = F.normalize(features, dim=1)
    out = []
    for i in range(len(unit)):
        keep = identities == identities[i]
        keep[i] = False
        centre = F.normalize(unit[keep].mean(0), dim=0) if keep.any() else torch.zeros_like(unit[0])
        out.append((unit[i] - centre).norm())
    return torch.stack(out)
