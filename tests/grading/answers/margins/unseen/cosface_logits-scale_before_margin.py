import torch
from torch.nn import functional as F


def cosface_logits(features, weight, identities, s, m):
    scaled = s * F.cosine_similarity(features[:, None, :], weight[None, :, :], dim=2)
    onehot = torch.zeros_like(scaled).scatter_(1, identities.view(-1, 1), 1.0)
    return onehot * (scaled - m) + (1 - onehot) * scaled
