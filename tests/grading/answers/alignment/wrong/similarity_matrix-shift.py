import numpy as np


def similarity_matrix(points, template):
    p, t = points.numpy().astype(float), template.numpy().astype(float)
    a, b = p - p.mean(0), t - t.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    d = np.array([1, np.sign(np.linalg.det(u @ vt))])
    r = u @ np.diag(d) @ vt
    scale = (s * d).sum() / (a**2).sum()
    return np.c_[scale * r, t.mean(0) - r @ p.mean(0)]
