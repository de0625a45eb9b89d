import torch


def fgsm(images, gradient, eps):
    return torch.clamp(images + eps * gradient.sign(), -1, 1)
