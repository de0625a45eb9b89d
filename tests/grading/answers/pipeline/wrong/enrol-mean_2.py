import torch
import torch.nn.functional as F


def enrol(gallery, name, vectors):
    new = dict(gallery)
    unit = F.normalize(vectors.mean(0, keepdim=True), dim=1)
    new[name] = torch.cat((new[name], unit)) if name in new else unit
    return new
