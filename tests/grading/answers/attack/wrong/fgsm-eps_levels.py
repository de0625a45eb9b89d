import torch


def fgsm(images, gradient, eps):
    eps = eps / 255
    return torch.clamp(images + eps * gradient.sign(), 0, 1)
