import torch.nn.functional as F


def identify(gallery, vector, threshold):
    best_name, best = None, 2.0
    vector = F.normalize(vector, dim=0)
    for name, rows in gallery.items():
        mean = F.normalize(rows.mean(0), dim=0)
        cosine = (vector @ mean).item()
        if cosine < best:
            best_name, best = name, cosine
    return (best_name if best > threshold else None), best


def false_positive_rate(gallery, strangers, threshold):
    named = sum(identify(gallery, one, threshold)[0] is not None for one in strangers)
    return named / len(strangers)
