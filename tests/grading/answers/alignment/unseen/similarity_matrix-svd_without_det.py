import torch


def similarity_matrix(points, template):
    # Umeyama
    mu_p = points.mean(dim=0, keepdim=True)
    mu_q = template.mean(dim=0, keepdim=True)
    cov = (template - mu_q).T @ (points - mu_p)
    U, S, Vh = torch.linalg.svd(cov)
    rot = U @ Vh
    s = S.sum() / ((points - mu_p) ** 2).sum()
    shift = mu_q.T - s * rot @ mu_p.T
    return torch.hstack([s * rot, shift])
