import torch.nn.functional as F


def duplicates(vectors, threshold):
    unit = F.normalize(vectors, dim=1)
    found = []
    for i in range(len(unit) - 1):
        for j in range(i + 1, len(unit) - 1):
            if unit[i] @ unit[j] > threshold:
                found.append((i, j))
    return found
