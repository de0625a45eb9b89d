import torch


def similarity_matrix(points, template):
    p, t = points - points.mean(0), template - template.mean(0)
    a = (p * t).sum() / (p**2).sum()
    b = (p[:, 0] * t[:, 1] - p[:, 1] * t[:, 0]).sum() / (p**2).sum()
    linear = torch.tensor([[a, b], [-b, a]])
    return torch.cat([linear, (template.mean(0) - linear @ points.mean(0))[:, None]], dim=1)
