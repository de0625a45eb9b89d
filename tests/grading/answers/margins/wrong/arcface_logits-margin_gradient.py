import math

import torch
import torch.nn.functional as F


def arcface_logits(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    with torch.no_grad():
        theta = torch.acos(cosine.clamp(-1, 1))
        phi = torch.where(theta + m < math.pi, torch.cos(theta + m), cosine - m * math.sin(m))
        shift = F.one_hot(identities, len(weight)) * (phi - cosine)
    return s * (cosine + shift)
