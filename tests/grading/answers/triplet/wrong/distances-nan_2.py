import torch


def distances(vectors):
    squared = ((vectors[:, None] - vectors[None]) ** 2).sum(2)
    return torch.where(squared == 0, torch.zeros_like(squared), squared.sqrt())
