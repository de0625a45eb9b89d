import torch


def fgsm(images, gradient, eps):
    direction = gradient / gradient.abs()
    return torch.clamp(images + eps * direction, 0.0, 1.0)
