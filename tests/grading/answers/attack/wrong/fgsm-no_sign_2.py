import torch


def fgsm(images, gradient, eps):
    length = gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return torch.clamp(images + eps * gradient / length, 0, 1)
