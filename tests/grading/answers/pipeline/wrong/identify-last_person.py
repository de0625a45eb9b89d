import torch.nn.functional as F


def identify(gallery, vector, threshold):
    if not gallery:
        return None, -1.0
    vector = F.normalize(vector, dim=0)
    for name, rows in gallery.items():  # noqa: B007
        mean = F.normalize(rows.mean(0), dim=0)
        cosine = (vector @ mean).item()
    return (name if cosine > threshold else None), cosine
