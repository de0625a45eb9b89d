import torch
from torch.nn import functional as F


def negative_similarities(vectors, who, others):
    q = F.normalize(vectors)
    d = F.normalize(others)
    between = torch.einsum("id,jd->ij", q, q)
    not_same = who.unsqueeze(0).ne(who.unsqueeze(1))
    return torch.cat((between[not_same], torch.einsum("id,jd->ij", q, d).reshape(-1)))
