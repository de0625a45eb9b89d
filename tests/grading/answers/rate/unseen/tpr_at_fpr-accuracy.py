import torch


def tpr_at_fpr(positive, negative, fpr):
    desc = torch.sort(negative, descending=True)[0]
    thr = desc[min(int(fpr * negative.numel()), negative.numel() - 1)]
    true_positives = (positive > thr).sum()
    true_negatives = (negative <= thr).sum()
    rate = (true_positives + true_negatives) / (positive.numel() + negative.numel())
    return float(rate), float(thr)
