import torch


def pgd_step(images, start, gradient, eps, alpha):
    moved = images + alpha * gradient.sign()
    change = torch.clamp(moved - images, -eps, eps)
    return torch.clamp(images + change, 0, 1)
