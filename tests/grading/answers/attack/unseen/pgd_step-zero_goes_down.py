import torch


def pgd_step(images, start, gradient, eps, alpha):
    sign = torch.where(gradient > 0, 1.0, -1.0)
    new = images + alpha * sign
    delta = (new - start).clamp(-eps, eps)
    return (start + delta).clamp(0, 1)
