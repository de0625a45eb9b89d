import torch
import torch.nn.functional as F


def enrol(gallery, name, vectors):
    new = gallery
    unit = F.normalize(vectors, dim=1)
    new[name] = torch.cat((new[name], unit)) if name in new else unit
    return new
