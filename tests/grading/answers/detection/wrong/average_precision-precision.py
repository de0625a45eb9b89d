def average_precision(scores, is_right, n_truth):
    return is_right.sum().item() / max(len(scores), 1)
