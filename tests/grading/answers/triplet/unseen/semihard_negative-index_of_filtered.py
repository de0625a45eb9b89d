def semihard_negative(d_positive, d_negatives, margin):
    candidates = d_negatives[(d_negatives > d_positive) & (d_negatives < d_positive + margin)]
    if len(candidates) == 0:
        return -1
    return candidates.argmin().item()
