import torch
from torch.nn import functional as F


def enrol(gallery, name, vectors):
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    new = {who: old.clone() for who, old in gallery.items()}
    new[name] = torch.cat([new[name], unit]) if name in new else unit
    return new


def _centres(gallery):
    return torch.stack([F.normalize(rows.mean(0), dim=0) for rows in gallery.values()])


def identify(gallery, vector, threshold):
    if not gallery:
        return None, -1.0
    cosines = _centres(gallery) @ F.normalize(vector, dim=0)
    best = int(cosines.argmax())
    score = float(cosines[best])
    return (list(gallery)[best] if score > threshold else None), score


def _scores(gallery, strangers):
    return (F.normalize(strangers, dim=1) @ _centres(gallery).T).max(1).values


def false_positive_rate(gallery, strangers, threshold):
    if not gallery:
        return 0.0
    return float((_scores(gallery, strangers) > threshold).float().mean())


def threshold_for(gallery, strangers, fpir):
    ranked = _scores(gallery, strangers).sort(descending=True).values
    allowed = int(fpir * len(ranked) + 1e-9)
    return float(ranked[allowed]) if allowed < len(ranked) else float("-inf")
