"""A class with the people, and a threshold found by halving an interval."""

import copy

import torch
import torch.nn.functional as F


class People:
    def __init__(self, gallery):
        self.vectors = copy.deepcopy(gallery)

    def add(self, name, vectors):
        vectors = vectors.double() / vectors.double().pow(2).sum(1).sqrt()[:, None]
        old = self.vectors.pop(name, None)
        self.vectors[name] = list(vectors) if old is None else [*vectors, *old.double()]
        return self

    def nearest(self, vector):
        found = {name: F.cosine_similarity(rows.mean(0), vector, dim=0).item() for name, rows in self.vectors.items()}
        name = max(found, key=found.get, default=None)
        return name, found.get(name)


def enrol(gallery, name, vectors):
    return People(gallery).add(name, vectors).vectors


def identify(gallery, vector, threshold):
    name, cosine = People(gallery).nearest(vector)
    if cosine is None:
        return [None, 0.0]
    return [name if cosine > threshold else None, cosine]


def false_positive_rate(gallery, strangers, threshold):
    found = [identify(gallery, one, threshold)[0] for one in strangers]
    return torch.tensor([1.0 if name else 0.0 for name in found]).mean()


def threshold_for(gallery, strangers, fpir, rounds=40):
    people = People(gallery)
    cosines = torch.tensor([people.nearest(one)[1] for one in strangers], dtype=torch.float64)
    low, high = -1.001, 1.001
    for _ in range(rounds):
        middle = (low + high) / 2
        if (cosines > middle).double().mean() <= fpir:
            high = middle
        else:
            low = middle
    return high
