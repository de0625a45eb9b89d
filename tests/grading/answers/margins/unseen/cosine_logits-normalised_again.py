from torch.nn import functional as F


def cosine_logits(features, weight):
    raw = F.normalize(features) @ F.normalize(weight).T
    return F.normalize(raw, dim=-1)
