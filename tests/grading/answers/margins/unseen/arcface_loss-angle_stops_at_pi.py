import math

import torch
import torch.nn.functional as F


def arcface_loss(features, weight, identities, s, m):
    cos = F.normalize(features) @ F.normalize(weight).T
    rows = torch.arange(len(cos))
    angle = torch.acos(cos[rows, identities].clamp(-1 + 1e-6, 1 - 1e-6))
    angle = (angle + m).clamp(max=math.pi)
    logits = cos.clone()
    logits[rows, identities] = torch.cos(angle)
    return F.cross_entropy(s * logits, identities)
