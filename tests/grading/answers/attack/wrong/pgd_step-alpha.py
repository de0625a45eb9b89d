import torch


def pgd_step(images, start, gradient, eps, alpha):
    moved = images + eps * gradient.sign()
    moved = torch.max(torch.min(moved, start + eps), start - eps)
    return moved.clamp(0, 1)
