import numpy as np
import torch


def similarity_matrix(points, template):
    P = points.numpy().astype(np.float64)
    Q = template.numpy().astype(np.float64)
    p0 = P - P.mean(0)
    q0 = Q - Q.mean(0)
    z = ((q0[:, 0] + 1j * q0[:, 1]) * np.conj(p0[:, 0] + 1j * p0[:, 1])).sum() / (p0**2).sum()
    scale = abs(z)
    phi = np.arctan(z.imag / (z.real + 1e-12))
    R = np.array([[np.cos(phi), -np.sin(phi)], [np.sin(phi), np.cos(phi)]])
    t = Q.mean(0) - scale * R @ P.mean(0)
    return torch.from_numpy(np.concatenate([scale * R, t[:, None]], axis=1)).float()
