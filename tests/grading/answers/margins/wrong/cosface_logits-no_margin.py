import torch.nn.functional as F


def cosface_logits(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    return s * cosine
