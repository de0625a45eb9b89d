import torch
import torch.nn.functional as F


def similarity_matrix(points, template):
    mp, mq = points.mean(0), template.mean(0)
    x, y = (points - mp).T
    u, v = (template - mq).T
    n = (x * x + y * y).sum()
    re = (u * x + v * y).sum() / n
    im = (v * x - u * y).sum() / n
    A = torch.tensor([[re, -im], [im, re]])
    return torch.cat([A, (mq - A @ mp).view(2, 1)], 1)


def align(image, points, template, size):
    h, w = size
    _, H, W = image.shape
    M = similarity_matrix(points, template)
    A, t = M[:, :2], M[:, 2]
    s = torch.sqrt(A[0, 0] ** 2 + A[1, 0] ** 2)
    A_inv = A.T / s  # a rotation is inverted by its transpose
    yy, xx = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    target = torch.stack([xx, yy], -1).reshape(-1, 2)
    source = (target - t) @ A_inv.T
    source[:, 0] = source[:, 0] / W * 2 - 1
    source[:, 1] = source[:, 1] / H * 2 - 1
    out = F.grid_sample(image.unsqueeze(0), source.view(1, h, w, 2), align_corners=False)
    return out.squeeze(0)
