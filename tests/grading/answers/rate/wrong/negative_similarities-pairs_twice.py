import torch
import torch.nn.functional as F


def negative_similarities(vectors, who, others):
    unit = F.normalize(vectors, dim=1)
    between = (unit @ unit.T)[who[:, None] != who[None]]
    return torch.cat((between, (unit @ F.normalize(others, dim=1).T).flatten()))
