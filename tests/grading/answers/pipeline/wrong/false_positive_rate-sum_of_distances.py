import torch.nn.functional as F


def identify(gallery, vector, threshold):
    best_name, best = None, float("inf")
    vector = F.normalize(vector, dim=0)
    for name, rows in gallery.items():
        distance = sum((row - vector).norm().item() for row in rows)
        if distance < best:
            best_name, best = name, distance
    return (best_name if best < threshold else None), best


def false_positive_rate(gallery, strangers, threshold):
    named = sum(identify(gallery, one, threshold)[0] is not None for one in strangers)
    return named / len(strangers)
