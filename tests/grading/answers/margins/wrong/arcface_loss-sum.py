import math

import torch
import torch.nn.functional as F


def logits_of(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    theta = torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))
    phi = torch.where(theta + m < math.pi, torch.cos(theta + m), cosine - m * math.sin(m))
    return s * torch.where(F.one_hot(identities, len(weight)).bool(), phi, cosine)


def arcface_loss(features, weight, identities, s, m):
    return F.cross_entropy(logits_of(features, weight, identities, s, m), identities, reduction="sum")
