import math

import torch
import torch.nn.functional as F


def arcface_loss(features, weight, identities, s, m):
    cosine = features @ F.normalize(weight).T
    theta = torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))
    phi = torch.where(theta + m < math.pi, torch.cos(theta + m), cosine - m * math.sin(m))
    own = F.one_hot(identities, len(weight)).bool()
    return F.cross_entropy(s * torch.where(own, phi, cosine), identities)
