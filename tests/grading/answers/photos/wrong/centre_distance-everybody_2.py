import torch.nn.functional as F


def centre_distance(features, identities):
    unit = F.normalize(features, dim=1)
    others = unit.sum(0, keepdim=True) - unit  # all but the image itself
    return 1 - (unit * F.normalize(others, dim=1)).sum(1)
