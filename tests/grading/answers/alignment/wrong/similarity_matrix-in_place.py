import torch


def similarity_matrix(points, template):
    mp, mt = points.mean(0), template.mean(0)
    points -= mp
    template -= mt
    u, s, vt = torch.linalg.svd(template.T @ points)
    d = torch.tensor([1.0, torch.sign(torch.det(u @ vt))])
    linear = u @ torch.diag(d) @ vt * (s * d).sum() / (points**2).sum()
    return torch.cat([linear, (mt - linear @ mp)[:, None]], dim=1)
