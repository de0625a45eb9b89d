import torch


def distances(vectors):
    return torch.cdist(vectors, vectors, p=1)
