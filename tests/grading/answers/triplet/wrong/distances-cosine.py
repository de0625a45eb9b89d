import torch.nn.functional as F


def distances(vectors):
    return 1 - F.cosine_similarity(vectors[:, None], vectors[None], dim=2)
