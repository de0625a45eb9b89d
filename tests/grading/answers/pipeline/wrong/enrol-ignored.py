import torch.nn.functional as F


def enrol(gallery, name, vectors):
    new = dict(gallery)
    if name not in new:
        new[name] = F.normalize(vectors, dim=1)
    return new
