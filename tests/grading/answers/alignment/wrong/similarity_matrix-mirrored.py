import torch


def similarity_matrix(points, template):
    a, b = points - points.mean(0), template - template.mean(0)
    u, s, vt = torch.linalg.svd(b.T @ a)
    linear = s.sum() / (a**2).sum() * u @ vt
    return torch.cat([linear, (template.mean(0) - linear @ points.mean(0))[:, None]], dim=1)
