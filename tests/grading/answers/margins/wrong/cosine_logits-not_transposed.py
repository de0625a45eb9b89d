import torch.nn.functional as F


def cosine_logits(features, weight):
    return F.normalize(features) @ F.normalize(weight, dim=0)
