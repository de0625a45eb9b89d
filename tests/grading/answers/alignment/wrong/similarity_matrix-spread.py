import torch


def similarity_matrix(points, template):
    mp, mt = points.mean(0), template.mean(0)
    sp, st = (points - mp).std(), (template - mt).std()
    u, _, vt = torch.linalg.svd(((points - mp) / sp).T @ ((template - mt) / st))
    d = torch.diag(torch.tensor([1.0, torch.det(u @ vt)]))
    r = (u @ d @ vt).T * st / sp
    return torch.hstack([r, (mt - r @ mp).reshape(2, 1)])
