import torch


def fgsm(images, gradient, eps):
    return torch.clamp(images + eps * gradient.sign(), 0, 255)
