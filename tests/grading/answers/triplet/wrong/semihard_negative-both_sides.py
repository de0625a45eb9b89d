def semihard_negative(d_positive, d_negatives, margin):
    gap = (d_negatives - d_positive).abs()
    return int(gap.argmin()) if gap.min() < margin else -1
