from itertools import combinations

import torch


def fit(p, q):
    pc, qc = p.mean(0), q.mean(0)
    P = torch.complex(p[:, 0] - pc[0], p[:, 1] - pc[1])
    Q = torch.complex(q[:, 0] - qc[0], q[:, 1] - qc[1])
    z = (Q * P.conj()).sum() / (P.abs() ** 2).sum()
    sR = torch.tensor([[z.real, -z.imag], [z.imag, z.real]], dtype=p.dtype)
    t = qc - sR @ pc
    return torch.cat([sR, t[:, None]], 1)


def similarity_matrix(points, template):
    """Robust fit: like cv2.estimateAffinePartial2D(..., method=cv2.RANSAC)."""
    best_inliers = None
    for pair in combinations(range(len(points)), 2):
        pair = list(pair)
        M = fit(points[pair], template[pair])
        err = (points @ M[:, :2].T + M[:, 2] - template).norm(dim=1)
        inliers = err < 2.0
        if best_inliers is None or inliers.sum() > best_inliers.sum():
            best_inliers = inliers
    return fit(points[best_inliers], template[best_inliers])
