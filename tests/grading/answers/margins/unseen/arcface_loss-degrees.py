import math

import torch


def _unit(v):
    return v / v.norm(dim=1, keepdim=True)


def arcface_loss(features, weight, identities, s, m):
    m = math.radians(m)
    cos = _unit(features) @ _unit(weight).T
    y = identities[:, None]
    c = cos.gather(1, y)
    sn = (1 - c * c).clamp(min=1e-8).sqrt()
    c_m = torch.where(c > -math.cos(m), c * math.cos(m) - sn * math.sin(m), c - m * math.sin(m))
    z = s * cos.scatter(1, y, c_m)
    return (z.logsumexp(1) - z.gather(1, y).squeeze(1)).mean()
