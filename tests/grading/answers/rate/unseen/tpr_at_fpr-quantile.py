import numpy as np


def tpr_at_fpr(positive, negative, fpr):
    pos = np.asarray(positive)
    neg = np.asarray(negative)
    threshold = np.quantile(neg, 1 - fpr)
    return float(np.mean(pos > threshold)), float(threshold)
