import torch


def distances(vectors):
    squares = (vectors**2).sum(1)
    squared = squares[:, None] + squares[None] - 2 * vectors @ vectors.T
    return torch.sqrt(squared)
