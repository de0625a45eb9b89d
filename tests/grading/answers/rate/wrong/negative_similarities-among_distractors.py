import torch
import torch.nn.functional as F


def negative_similarities(vectors, who, others):
    unit, far = F.normalize(vectors, dim=1), F.normalize(others, dim=1)
    between = (unit @ unit.T)[torch.triu(who[:, None] != who[None], 1)]
    i, j = torch.triu_indices(len(far), len(far), 1)
    return torch.cat((between, (unit @ far.T).flatten(), (far[i] * far[j]).sum(1)))
