import torch
import torch.nn.functional as F


def enrol(gallery, name, vectors):
    unit = F.normalize(vectors, dim=1)
    return {name: torch.cat((gallery[name], unit)) if name in gallery else unit}
