def semihard_negative(d_positive, d_negatives, margin):
    if ((d_negatives > d_positive) & (d_negatives < d_positive + margin)).any():
        return int(d_negatives.argmin())
    return -1
