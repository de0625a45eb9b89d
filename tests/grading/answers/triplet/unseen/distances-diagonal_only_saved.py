import torch


def distances(vectors):
    n = len(vectors)
    diff = vectors.unsqueeze(0) - vectors.unsqueeze(1)
    sq = diff.pow(2).sum(-1)
    eye = torch.eye(n, dtype=sq.dtype)
    # avoid sqrt(0) on the diagonal
    return torch.sqrt(sq + eye) * (1 - eye)
