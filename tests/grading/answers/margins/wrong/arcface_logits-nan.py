import math

import torch
import torch.nn.functional as F


def arcface_logits(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    sine = torch.sqrt(1 - cosine**2)
    phi = cosine * math.cos(m) - sine * math.sin(m)
    phi = torch.where(cosine > math.cos(math.pi - m), phi, cosine - m * math.sin(m))
    own = F.one_hot(identities, len(weight)).bool()
    return s * torch.where(own, phi, cosine)
