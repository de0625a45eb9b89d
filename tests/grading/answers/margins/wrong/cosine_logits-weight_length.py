import torch.nn.functional as F


def cosine_logits(features, weight):
    return F.linear(F.normalize(features), weight)
