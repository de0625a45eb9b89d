import torch.nn.functional as F


def duplicates(vectors, threshold):
    cosine = F.cosine_similarity(vectors[:-1], vectors[1:], dim=1)
    return [(i, i + 1) for i in range(len(cosine)) if cosine[i] > threshold]
