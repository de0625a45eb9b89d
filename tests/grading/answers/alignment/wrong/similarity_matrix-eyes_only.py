import math

import torch


def similarity_matrix(points, template):
    dx, dy = (points[1] - points[0]).tolist()
    tx, ty = (template[1] - template[0]).tolist()
    angle = math.atan2(ty, tx) - math.atan2(dy, dx)
    scale = math.hypot(tx, ty) / math.hypot(dx, dy)
    linear = scale * torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    middle, target = points[:2].mean(0), template[:2].mean(0)
    return torch.cat([linear, (target - linear @ middle)[:, None]], dim=1)
