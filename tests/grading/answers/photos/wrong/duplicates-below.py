import torch.nn.functional as F


def duplicates(vectors, threshold):
    found = []
    for i in range(len(vectors)):
        for j in range(i + 1, len(vectors)):
            if 1 - F.cosine_similarity(vectors[i], vectors[j], dim=0) < threshold:
                found.append((i, j))
    return found
