import torch.nn.functional as F


def distances(vectors):
    return F.pdist(vectors)
