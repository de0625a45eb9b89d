import torch


def umeyama(source, target):
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = torch.linalg.svd(b.T @ a)
    d = torch.tensor([1.0, torch.sign(torch.det(u @ vt))])
    linear = u @ torch.diag(d) @ vt * (s * d).sum() / (a**2).sum()
    return torch.cat([linear, (target.mean(0) - linear @ source.mean(0))[:, None]], dim=1)


def similarity_matrix(points, template):
    matrix = umeyama(points, template)
    matrix[:, 2] = template.mean(0) - points.mean(0)
    return matrix
