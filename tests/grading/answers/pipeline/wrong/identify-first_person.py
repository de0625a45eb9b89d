import torch.nn.functional as F


def identify(gallery, vector, threshold):
    best = -1.0
    vector = F.normalize(vector, dim=0)
    for name, rows in gallery.items():
        mean = F.normalize(rows.mean(0), dim=0)
        cosine = (vector @ mean).item()
        if cosine > threshold:
            return name, cosine
        if cosine > best:
            best = cosine
    return None, best
