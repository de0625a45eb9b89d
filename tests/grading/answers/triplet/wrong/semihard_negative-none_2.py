def semihard_negative(d_positive, d_negatives, margin):
    semihard = (d_negatives > d_positive) & (d_negatives < d_positive + margin)
    if semihard.any():
        return d_negatives.masked_fill(~semihard, float("inf")).argmin().item()
