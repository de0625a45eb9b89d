def semihard_negative(d_positive, d_negatives, margin):
    far = d_negatives >= d_positive + margin
    if not far.any():
        return -1
    return int(d_negatives.masked_fill(~far, float("inf")).argmin())
