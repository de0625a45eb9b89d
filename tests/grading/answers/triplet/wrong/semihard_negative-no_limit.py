def semihard_negative(d_positive, d_negatives, margin):
    farther = d_negatives > d_positive
    if not farther.any():
        return -1
    return d_negatives.masked_fill(~farther, float("inf")).argmin().item()
