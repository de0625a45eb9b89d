import torch


def iou(a, b):
    left = torch.max(a[:, None, 0], b[None, :, 0])
    top = torch.max(a[:, None, 1], b[None, :, 1])
    right = torch.min(a[:, None, 2], b[None, :, 2])
    bottom = torch.min(a[:, None, 3], b[None, :, 3])
    inter = ((right - left) * (bottom - top)).clamp(min=0)

    def area(t):
        return (t[:, 2] - t[:, 0]) * (t[:, 3] - t[:, 1])

    union = area(a)[:, None] + area(b)[None, :] - inter
    return torch.where(union > 0, inter / union, torch.zeros_like(inter))
