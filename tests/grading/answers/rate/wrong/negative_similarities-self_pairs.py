import torch
import torch.nn.functional as F


def negative_similarities(vectors, who, others):
    unit = F.normalize(vectors, dim=1)
    return torch.cat(((unit @ unit.T).flatten(), (unit @ F.normalize(others, dim=1).T).flatten()))
