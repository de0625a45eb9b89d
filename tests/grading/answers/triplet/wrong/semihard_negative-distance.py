def semihard_negative(d_positive, d_negatives, margin):
    semihard = d_negatives[(d_negatives > d_positive) & (d_negatives < d_positive + margin)]
    return semihard.min() if len(semihard) else -1
