import numpy as np


def auroc(score, is_trash):
    s = score.numpy()
    y = is_trash.numpy()
    ranks = np.empty(len(s))
    ranks[np.argsort(s, kind="stable")] = np.arange(1, len(s) + 1)
    n1, n0 = int(y.sum()), int((~y).sum())
    u = ranks[y].sum() - n1 * (n1 + 1) / 2
    return float(u / (n1 * n0))
