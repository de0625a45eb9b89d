import math

import torch
import torch.nn.functional as F


def arcface_logits(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    theta = torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))
    phi = torch.where(theta + m < math.pi, torch.cos(theta + m), cosine - m * math.sin(m))
    own = F.one_hot(identities, len(weight)).bool()
    return s * torch.where(own, cosine, phi)
