import torch


def enrol(gallery, name, vectors):
    new = dict(gallery)
    unit = vectors
    new[name] = torch.cat((new[name], unit)) if name in new else unit
    return new
