import torch.nn.functional as F


def cosine_logits(features, weight):
    return F.linear(F.normalize(features, dim=1), F.normalize(weight, dim=0))
