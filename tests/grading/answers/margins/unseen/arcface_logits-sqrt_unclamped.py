import math

import torch
from torch.nn import functional as F


def arcface_logits(features, weight, identities, s, m):
    cos_all = F.normalize(features, dim=1) @ F.normalize(weight, dim=1).T
    one_hot = F.one_hot(identities, len(weight)).bool()
    cos_y = cos_all[one_hot]
    sin_y = torch.sqrt(1 - cos_y**2)
    new = cos_y * math.cos(m) - sin_y * math.sin(m)
    # after the half circle: go on like CosFace
    new = torch.where(cos_y >= -math.cos(m), new, cos_y - m * math.sin(m))
    return s * torch.where(one_hot, new[:, None], cos_all)
