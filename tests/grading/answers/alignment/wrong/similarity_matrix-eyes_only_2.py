import torch


def similarity_matrix(points, template):
    p, t = points[1] - points[0], template[1] - template[0]
    a, b = (p @ t) / (p @ p), (p[0] * t[1] - p[1] * t[0]) / (p @ p)
    linear = torch.tensor([[a, -b], [b, a]])
    return torch.cat([linear, (template.mean(0) - linear @ points.mean(0))[:, None]], dim=1)
