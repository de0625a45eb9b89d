import torch


def pgd_step(images, start, gradient, eps, alpha):
    return torch.clamp(images + alpha * gradient.sign(), 0, 1)
