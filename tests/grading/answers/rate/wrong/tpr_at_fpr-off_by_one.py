def tpr_at_fpr(positive, negative, fpr):
    threshold = negative.sort(descending=True).values[max(int(fpr * len(negative)) - 1, 0)]
    return (positive > threshold).float().mean(), threshold
