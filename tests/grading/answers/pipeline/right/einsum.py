"""Means of everybody at once, einsum, topk."""

import torch
from torch.nn.functional import cosine_similarity, normalize


def enrol(gallery, name, vectors):
    new = {person: rows.clone() for person, rows in gallery.items()}
    new[name] = torch.cat([new.get(name, vectors[:0]), normalize(vectors)], dim=0)
    return new


def identify(gallery, vector, threshold):
    if not gallery:
        return None, -1.0
    centres = torch.stack([normalize(rows.mean(dim=0), dim=0) for rows in gallery.values()])
    score, index = torch.einsum("pd,d->p", centres, normalize(vector, dim=0)).max(dim=0)
    if not score > threshold:
        return (None, score)
    return (list(gallery.keys())[index.item()], score)


def best_cosines(gallery, strangers):
    sums = torch.stack([rows.sum(dim=0) for rows in gallery.values()])
    return cosine_similarity(strangers[:, None], sums[None], dim=-1).amax(dim=1)


def false_positive_rate(gallery, strangers, threshold):
    if len(gallery) == 0:
        return torch.tensor(0.0)
    return (best_cosines(gallery, strangers) > threshold).float().mean()


def threshold_for(gallery, strangers, fpir):
    best = best_cosines(gallery, strangers)
    n = min(int(fpir * best.numel()), best.numel() - 1)
    return torch.topk(best, n + 1).values[-1]
