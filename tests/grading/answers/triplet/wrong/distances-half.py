import torch


def distances(vectors):
    n = len(vectors)
    result = torch.zeros(n, n)
    for i in range(n):
        for j in range(i + 1, n):
            result[i, j] = torch.norm(vectors[i] - vectors[j])
    return result
