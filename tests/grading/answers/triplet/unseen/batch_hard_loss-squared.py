import torch
from torch.nn import functional as F


def batch_hard_loss(vectors, identities, margin):
    u = F.normalize(vectors, dim=1)
    d = (2 - 2 * torch.einsum("id,jd->ij", u, u)).clamp(min=0)
    same = identities[:, None] == identities
    not_me = ~torch.eye(len(u), dtype=torch.bool)
    dp = d.masked_fill(~(same & not_me), float("-inf")).max(1)[0]
    dn = d.masked_fill(same, float("inf")).min(1)[0]
    return torch.clamp(dp - dn + margin, min=0).mean()
