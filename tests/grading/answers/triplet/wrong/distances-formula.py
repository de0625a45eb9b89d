import torch


def distances(vectors):
    squares = (vectors**2).sum(1)
    return torch.sqrt((squares[:, None] + squares[None] - vectors @ vectors.T).clamp(min=1e-12))
