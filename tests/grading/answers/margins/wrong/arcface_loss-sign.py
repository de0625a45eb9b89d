import torch
import torch.nn.functional as F


def arcface_loss(features, weight, identities, s, m):
    cosine = F.linear(F.normalize(features), F.normalize(weight))
    theta = torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))
    phi = torch.cos(theta - m)
    own = F.one_hot(identities, len(weight)).bool()
    return F.cross_entropy(s * torch.where(own, phi, cosine), identities)
