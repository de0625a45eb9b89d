import torch


def enrol(gallery, name, vectors):
    new_gallery = gallery.copy()
    for row in vectors:
        row /= row.norm()
    if name in new_gallery:
        new_gallery[name] = torch.vstack((new_gallery[name], vectors))
    else:
        new_gallery[name] = vectors.clone()
    return new_gallery
