import math


def tpr_at_fpr(positive, negative, fpr):
    negative = sorted(negative.tolist(), reverse=True)
    threshold = negative[math.floor(fpr * len(negative))]
    passed = sum(1 for value in positive.tolist() if value > threshold)
    return passed / len(positive), threshold
