import torch
import torch.nn.functional as F


def negative_similarities(vectors, who, others):
    unit = F.normalize(vectors, dim=1)
    i, j = torch.triu_indices(len(who), len(who), 1)
    return torch.cat(((unit[i] * unit[j]).sum(1), (unit @ F.normalize(others, dim=1).T).flatten()))
