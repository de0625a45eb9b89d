import torch
import torch.nn.functional as F


def enrol(gallery, name, vectors):
    new = dict(gallery)
    new[name] = torch.cat((new[name], F.normalize(vectors, dim=1)))
    return new
