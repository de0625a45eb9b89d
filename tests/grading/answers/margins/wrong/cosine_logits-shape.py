import torch.nn.functional as F


def cosine_logits(features, weight):
    return F.normalize(weight) @ F.normalize(features).T
