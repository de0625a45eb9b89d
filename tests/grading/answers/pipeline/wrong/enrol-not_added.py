import torch
import torch.nn.functional as F


def enrol(gallery, name, vectors):
    new = {}
    for person, rows in gallery.items():
        new[person] = torch.cat((rows, F.normalize(vectors, dim=1))) if person == name else rows
    return new
