import torch.nn.functional as F


def centre_distance(features, identities):
    unit = F.normalize(features, dim=1)
    centre = F.normalize(unit.mean(0), dim=0)
    return 1 - unit @ centre
