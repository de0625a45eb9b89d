import torch


def similarity_matrix(points, template):
    a, b = points - points.mean(0), template - template.mean(0)
    u, s, vt = torch.linalg.svd(b.T @ a / 5)
    r = u @ torch.diag(torch.tensor([1.0, torch.det(u @ vt)])) @ vt
    linear = s.sum() / a.var(0).sum() * r
    return torch.cat([linear, (template.mean(0) - linear @ points.mean(0))[:, None]], dim=1)
