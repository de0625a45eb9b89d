import torch


def distances(vectors):
    return torch.sqrt(((vectors[:, None] - vectors[None]) ** 2).mean(2) + 1e-12)
