import math

import torch
from torch.nn import functional as F


def arcface_logits(features, weight, identities, s, m):
    cos = F.normalize(features, dim=1) @ F.normalize(weight, dim=1).t()
    with torch.no_grad():
        mine = cos.gather(1, identities.unsqueeze(1)).clamp(-1 + 1e-7, 1 - 1e-7)
        theta = torch.acos(mine)
        wanted = torch.where(theta + m < math.pi, torch.cos(theta + m), mine - m * math.sin(m))
        change = torch.zeros_like(cos).scatter_(1, identities.unsqueeze(1), wanted - mine)
    return s * (cos + change)
