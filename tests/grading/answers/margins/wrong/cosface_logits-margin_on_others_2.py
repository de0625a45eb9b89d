import torch.nn.functional as F


def cosface_logits(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    one_hot = F.one_hot(identities, weight.shape[0])
    return s * (cosine + m * (1 - one_hot))
