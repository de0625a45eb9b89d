import math

import torch
import torch.nn.functional as F


def arcface_loss(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    theta = torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))
    own = torch.ones_like(theta).bool()
    phi = torch.where(theta + m < math.pi, torch.cos(theta + m), cosine - m * math.sin(m))
    return F.cross_entropy(s * torch.where(own, phi, cosine), identities)
