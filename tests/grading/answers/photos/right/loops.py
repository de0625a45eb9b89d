"""Everything in loops, with plain numbers."""

import math


def length(v):
    return math.sqrt(sum(float(x) ** 2 for x in v))


def cos(a, b):
    la, lb = length(a), length(b)
    return sum(float(x) * float(y) for x, y in zip(a, b)) / (la * lb) if la and lb else 0.0


def norm_score(features):
    return [1 / (length(v) + 1e-6) for v in features]


def centre_distance(features, identities):
    found = []
    for i in range(len(features)):
        centre, many = [0.0] * features.shape[1], 0
        for j in range(len(features)):
            if i == j or int(identities[i]) != int(identities[j]):
                continue
            own = length(features[j])
            centre = [c + float(x) / own for c, x in zip(centre, features[j])]
            many += 1
        found.append(1.0 - cos(features[i], centre) if many else 1.0)
    return found


def auroc(score, is_trash):
    wins, pairs = 0.0, 0
    for a, bad in zip(score.tolist(), is_trash.tolist()):
        if not bad:
            continue
        for b, other in zip(score.tolist(), is_trash.tolist()):
            if other:
                continue
            pairs += 1
            wins += (a > b) + 0.5 * (a == b)
    return wins / pairs


def precision_at(score, is_trash, k):
    rows = list(zip(score.tolist(), is_trash.tolist()))
    rows.sort(key=lambda row: -row[0])
    return sum(bad for _, bad in rows[:k]) / k


def duplicates(vectors, threshold):
    n = len(vectors)
    return [(i, j) for j in range(n) for i in range(j) if cos(vectors[i], vectors[j]) > threshold]
