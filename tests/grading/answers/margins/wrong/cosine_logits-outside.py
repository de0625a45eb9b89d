import torch.nn.functional as F


def cosine_logits(features, weight, s=30.0):
    return s * F.linear(F.normalize(features), F.normalize(weight))
