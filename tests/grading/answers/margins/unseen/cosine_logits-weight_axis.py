from torch.nn import functional as F


def cosine_logits(features, weight):
    x = F.normalize(features, p=2, dim=1)
    w = F.normalize(weight, p=2, dim=0)
    return F.linear(x, w)
