import torch
import torch.nn.functional as F


def centre_distance(features, identities):
    unit = F.normalize(features, dim=1)
    same = (identities[:, None] == identities) & ~torch.eye(len(unit), dtype=bool)
    centres = F.normalize(same.float() @ unit, dim=1)
    return 1 - (features * centres).sum(dim=1)
