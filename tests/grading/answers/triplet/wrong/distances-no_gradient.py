import torch


def distances(vectors):
    return torch.tensor([[float((a - b).norm()) for b in vectors] for a in vectors])
