import torch.nn.functional as F


def identify(gallery, vector, threshold):
    best = -1.0
    vector = F.normalize(vector, dim=0)
    best_name = next(iter(gallery), None)
    for rows in gallery.values():
        mean = F.normalize(rows.mean(0), dim=0)
        cosine = (vector @ mean).item()
        if cosine > best:
            best = cosine
    return (best_name if best > threshold else None), best
