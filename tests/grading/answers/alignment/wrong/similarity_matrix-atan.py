import math

import torch


def similarity_matrix(points, template):
    p, t = points - points.mean(0), template - template.mean(0)
    dot = float((p * t).sum())
    cross = float((p[:, 0] * t[:, 1] - p[:, 1] * t[:, 0]).sum())
    angle = math.atan(cross / dot)
    scale = math.sqrt(dot**2 + cross**2) / float((p**2).sum())
    a, b = scale * math.cos(angle), scale * math.sin(angle)
    linear = torch.tensor([[a, -b], [b, a]])
    return torch.cat([linear, (template.mean(0) - linear @ points.mean(0))[:, None]], dim=1)
