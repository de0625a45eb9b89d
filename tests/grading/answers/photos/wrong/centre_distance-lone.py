import torch
import torch.nn.functional as F


def centre_distance(features, identities):
    unit = F.normalize(features, dim=1)
    out = torch.zeros(len(unit))
    for i in range(len(unit)):
        keep = identities == identities[i]
        keep[i] = False
        if keep.any():
            out[i] = 1 - unit[i] @ F.normalize(unit[keep].mean(dim=0), dim=0)
    return out
