import torch


def duplicates(vectors, threshold):
    n = vectors.shape[0]
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    pairs, seen = [], set()
    for i in range(n):
        if i in seen:
            continue
        for j in range(i + 1, n):
            if torch.dot(unit[i], unit[j]).item() > threshold:
                pairs.append((i, j))
                seen.add(j)
    return pairs
