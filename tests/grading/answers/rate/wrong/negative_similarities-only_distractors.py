import torch.nn.functional as F


def negative_similarities(vectors, who, others):
    return (F.normalize(vectors, dim=1) @ F.normalize(others, dim=1).T).flatten()
