"""The addition theorem, with the authors' fall-back, and one-hot masks."""

import math

import torch
import torch.nn.functional as F


def cosine_logits(features, weight):
    return F.linear(F.normalize(features), F.normalize(weight))


def arcface_logits(features, weight, identities, s=64.0, m=0.5):
    cosine = cosine_logits(features, weight)
    sine = torch.sqrt((1.0 - cosine**2).clamp(min=1e-9))
    phi = cosine * math.cos(m) - sine * math.sin(m)
    phi = torch.where(cosine > math.cos(math.pi - m), phi, cosine - math.sin(math.pi - m) * m)
    one_hot = torch.zeros_like(cosine)
    one_hot.scatter_(1, identities.view(-1, 1).long(), 1)
    return s * (one_hot * phi + (1.0 - one_hot) * cosine)


def cosface_logits(features, weight, identities, s=64.0, m=0.35):
    return s * (cosine_logits(features, weight) - m * F.one_hot(identities, weight.shape[0]))


def arcface_loss(features, weight, identities, s=64.0, m=0.5):
    return F.cross_entropy(arcface_logits(features, weight, identities, s, m), identities)
