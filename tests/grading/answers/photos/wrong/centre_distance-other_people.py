import torch
import torch.nn.functional as F


def centre_distance(features, identities):
    unit = F.normalize(features)
    out = []
    for vector, person in zip(unit, identities):
        centre = F.normalize(unit[identities != person].mean(0), dim=0)
        out.append(1 - vector.dot(centre))
    return torch.stack(out)
