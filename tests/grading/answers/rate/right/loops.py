"""Everything in loops."""


def cos(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def positive_similarities(vectors, who):
    n = len(who)
    return [cos(vectors[i], vectors[j]) for i in range(n) for j in range(i + 1, n) if who[i] == who[j]]


def negative_similarities(vectors, who, others):
    n = len(who)
    result = [cos(vectors[i], vectors[j]) for i in range(n) for j in range(i) if who[i] != who[j]]
    for v in vectors:
        for o in others:
            result.append(cos(v, o))
    return result


def tpr_at_fpr(positive, negative, fpr):
    ordered = sorted((float(one) for one in negative), reverse=True)
    threshold = ordered[min(int(fpr * len(ordered)), len(ordered) - 1)]
    return sum(float(one) > threshold for one in positive) / len(positive), threshold
