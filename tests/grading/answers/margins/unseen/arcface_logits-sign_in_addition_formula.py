import math

import torch
from torch.nn import functional as F


def arcface_logits(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    index = torch.arange(cosine.size(0))
    target = cosine[index, identities]
    sine = torch.sqrt((1.0 - target.pow(2)).clamp(min=1e-9))
    phi = target * math.cos(m) + sine * math.sin(m)
    phi = torch.where(target > math.cos(math.pi - m), phi, target - math.sin(math.pi - m) * m)
    output = cosine.clone()
    output[index, identities] = phi
    return output * s
