import torch


def pgd_step(images, start, gradient, eps, alpha):
    images += alpha * gradient.sign()
    change = torch.clamp(images - start, min=-eps, max=eps)
    return torch.clamp(start + change, 0, 1)
