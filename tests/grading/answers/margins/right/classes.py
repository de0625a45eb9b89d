"""A class for the head; the margin as what it takes away; the arc cosine by atan2."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Head(nn.Module):
    def __init__(self, scale, margin):
        super().__init__()
        self.scale, self.margin = scale, margin

    def forward(self, cosine, labels):
        mask = torch.zeros_like(cosine, dtype=torch.bool).scatter(1, labels[:, None], True)
        if not mask.any():
            return self.scale * cosine
        target = cosine[mask]
        return self.scale * cosine.masked_scatter(mask, target - self.taken(target))


class Cos(Head):
    def taken(self, target):
        return self.margin


class Arc(Head):
    def taken(self, target):
        target = target.clamp(-0.999999, 0.999999)
        theta = torch.atan2((1 - target * target).sqrt(), target)
        widened = torch.cos(theta + self.margin)
        beyond = target - self.margin * math.sin(self.margin)
        return target - torch.where(theta + self.margin > math.pi, beyond, widened)


def cosine_logits(features, weight):
    return F.cosine_similarity(features.unsqueeze(1), weight.unsqueeze(0), dim=2)


def arcface_logits(features, weight, identities, s, m):
    return Arc(s, m)(cosine_logits(features, weight), identities)


def cosface_logits(features, weight, identities, s, m):
    return Cos(s, m)(cosine_logits(features, weight), identities)


def arcface_loss(features, weight, identities, s, m, reduction="mean"):
    log_probabilities = F.log_softmax(arcface_logits(features, weight, identities, s, m), dim=1)
    loss = -log_probabilities.gather(1, identities.unsqueeze(1)).squeeze(1)
    return loss.mean() if reduction == "mean" else loss.sum()
