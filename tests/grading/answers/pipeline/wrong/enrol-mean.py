import torch
import torch.nn.functional as F


def enrol(gallery, name, vectors):
    new = dict(gallery)
    unit = F.normalize(vectors, dim=1)
    rows = torch.cat((new[name], unit)) if name in new else unit
    new[name] = F.normalize(rows.mean(0, keepdim=True), dim=1)
    return new
