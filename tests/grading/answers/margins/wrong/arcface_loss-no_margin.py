import torch.nn.functional as F


def arcface_loss(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    return F.cross_entropy(s * cosine, identities)
