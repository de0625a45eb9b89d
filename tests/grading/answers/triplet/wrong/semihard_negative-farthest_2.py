def semihard_negative(d_positive, d_negatives, margin):
    semihard = (d_negatives > d_positive) & (d_negatives < d_positive + margin)
    if not semihard.any():
        return -1
    return (d_negatives * semihard).argmax().item()
