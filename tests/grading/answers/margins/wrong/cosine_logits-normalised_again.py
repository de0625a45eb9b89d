import torch.nn.functional as F


def cosine_logits(features, weight):
    cosine = F.normalize(features) @ F.normalize(weight).T
    return F.normalize(cosine)
