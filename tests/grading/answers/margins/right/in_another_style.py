import math

import torch
from torch.nn import functional as F


def cosine_logits(features, weight):
    return F.normalize(features, dim=1) @ F.normalize(weight, dim=1).T


def cosface_logits(features, weight, identities, s, m):
    cosines = cosine_logits(features, weight)
    return s * (cosines - m * F.one_hot(identities, weight.shape[0]).to(cosines.dtype))


def arcface_logits(features, weight, identities, s, m):
    cosines = cosine_logits(features, weight)
    true = cosines.gather(1, identities[:, None])
    sine = (1 - true * true).clamp(min=1e-10).sqrt()
    turned = true * math.cos(m) - sine * math.sin(m)
    beyond = true - m * math.sin(m)
    turned = torch.where(true > -math.cos(m), turned, beyond)
    return s * cosines.scatter(1, identities[:, None], turned)


def arcface_loss(features, weight, identities, s, m):
    return F.cross_entropy(arcface_logits(features, weight, identities, s, m), identities)
