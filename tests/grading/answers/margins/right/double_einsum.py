"""In float64, with einsum, and the margin added by index."""

import torch
from torch import nn


def _unit(x, *, eps=1e-12):
    return x / x.norm(p=2, dim=-1, keepdim=True).clamp_min(eps)


def cosine_logits(features, weight):
    return torch.einsum("nd,cd->nc", _unit(features.double()), _unit(weight.double()))


def _replace(logits, identities, function):
    rows = torch.arange(logits.size(0))
    new = logits.clone()
    new[rows, identities] = function(logits[rows, identities])
    return new


def arcface_logits(features, weight, identities, s, m, eps=1e-7):
    def push(c):
        theta = c.clamp(-1 + eps, 1 - eps).acos() + m
        return torch.where(theta < torch.pi, theta.cos(), c - m)

    return s * _replace(cosine_logits(features, weight), identities, push)


cosface_logits = lambda x, w, y, s, m: s * _replace(cosine_logits(x, w), y, lambda c: c - m)  # noqa: E731


def arcface_loss(features, weight, identities, s, m):
    criterion = nn.CrossEntropyLoss()
    return criterion(arcface_logits(features, weight, identities, s, m), identities)
