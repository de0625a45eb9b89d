import math

import torch
import torch.nn.functional as F


def arcface_loss(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    with torch.no_grad():
        theta = torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))
        phi = torch.where(theta + m < math.pi, torch.cos(theta + m), cosine - m * math.sin(m))
        taken = (cosine - phi) * F.one_hot(identities, len(weight))
    return F.cross_entropy(s * (cosine - taken), identities)
