import torch
import torch.nn.functional as F


def distances(vectors):
    vectors = F.normalize(vectors)
    return torch.cdist(vectors, vectors)
