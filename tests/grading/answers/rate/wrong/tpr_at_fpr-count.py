def tpr_at_fpr(positive, negative, fpr):
    threshold = negative.sort(descending=True).values[min(int(fpr * len(negative)), len(negative) - 1)]
    return (positive > threshold).sum(), threshold
