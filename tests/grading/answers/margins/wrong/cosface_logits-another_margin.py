import torch
import torch.nn.functional as F


def cosface_logits(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    one_hot = F.one_hot(identities, weight.shape[0])
    theta = torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))
    return s * torch.where(one_hot.bool(), torch.cos(theta + m), cosine)
