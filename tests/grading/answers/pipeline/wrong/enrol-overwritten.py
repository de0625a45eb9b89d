import torch.nn.functional as F


def enrol(gallery, name, vectors):
    new = {person: rows.clone() for person, rows in gallery.items()}
    new[name] = F.normalize(vectors, dim=1)
    return new
