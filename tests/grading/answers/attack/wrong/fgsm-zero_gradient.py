import torch


def fgsm(images, gradient, eps):
    up = gradient > 0
    return torch.where(up, images + eps, images - eps).clamp(0, 1)
