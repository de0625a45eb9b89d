"""Everything in loops, with plain numbers."""

import math


def unit(v):
    length = math.sqrt(sum(x * x for x in v))
    return [x / length for x in v]


def enrol(gallery, name, vectors):
    new = {}
    for person in gallery:
        new[person] = gallery[person].tolist()
    if name not in new:
        new[name] = []
    for vector in vectors.tolist():
        new[name].append(unit(vector))
    return new


def identify(gallery, vector, threshold):
    best_name, best = None, -1.0
    v = unit(vector.tolist())
    for name in gallery:
        rows = gallery[name].tolist()
        centre = unit([sum(row[k] for row in rows) for k in range(len(v))])
        cosine = sum(x * y for x, y in zip(v, centre))
        if best_name is None or cosine > best:
            best_name, best = name, cosine
    if best_name is None or best <= threshold:
        return None, best
    return best_name, best


def false_positive_rate(gallery, strangers, threshold):
    count = 0
    for stranger in strangers:
        name, _ = identify(gallery, stranger, threshold)
        if name is not None:
            count += 1
    return count / len(strangers)


def threshold_for(gallery, strangers, fpir):
    candidates = sorted(identify(gallery, one, -2)[1] for one in strangers)
    for threshold in [-1.0, *candidates]:
        if sum(c > threshold for c in candidates) <= fpir * len(candidates):
            return threshold
    return 1.0
