def tpr_at_fpr(positive, negative, fpr):
    threshold = negative.sort(descending=True).values[int(fpr * len(negative))]  # there is none at fpr = 1
    return (positive > threshold).float().mean(), threshold
