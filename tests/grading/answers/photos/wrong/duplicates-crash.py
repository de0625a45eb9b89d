import torch
import torch.nn.functional as F


def duplicates(vectors, threshold):
    unit = F.normalize(vectors, dim=1)
    n = len(unit)
    found = [torch.tensor([i, j]) for i in range(n) for j in range(i + 1, n) if unit[i] @ unit[j] > threshold]
    return torch.stack(found)  # of nothing, where there are no duplicates
