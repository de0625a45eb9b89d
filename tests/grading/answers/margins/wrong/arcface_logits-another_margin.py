import torch.nn.functional as F


def arcface_logits(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    own = F.one_hot(identities, len(weight)).bool()
    return s * (cosine - m * own)
