import torch
import torch.nn.functional as F


def positive_similarities(vectors, who):
    unit = F.normalize(vectors, dim=1)
    same = (who[:, None] == who[None]) & ~torch.eye(len(who), dtype=torch.bool)
    return (unit @ unit.T)[same]
