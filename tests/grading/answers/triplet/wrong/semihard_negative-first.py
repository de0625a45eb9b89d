def semihard_negative(d_positive, d_negatives, margin):
    for k, d in enumerate(d_negatives):
        if d_positive < d < d_positive + margin:
            return k
    return -1
