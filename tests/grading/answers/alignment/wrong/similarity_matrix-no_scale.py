import torch


def similarity_matrix(points, template):
    a, b = points - points.mean(0), template - template.mean(0)
    u, _, vt = torch.linalg.svd(a.T @ b)
    r = vt.T @ torch.diag(torch.tensor([1.0, torch.det(vt.T @ u.T)])) @ u.T
    return torch.cat([r, (template.mean(0) - r @ points.mean(0))[:, None]], dim=1)
