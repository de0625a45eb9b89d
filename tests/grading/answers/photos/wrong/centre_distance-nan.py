import torch
import torch.nn.functional as F


def centre_distance(features, identities):
    unit = F.normalize(features, dim=1)
    out = torch.empty(len(unit))
    for i in range(len(unit)):
        keep = identities == identities[i]
        keep[i] = False
        centre = unit[keep].mean(dim=0)  # of nothing, where a person has one image
        out[i] = 1 - unit[i] @ (centre / centre.norm())
    return out
