import torch


def fgsm(images, gradient, eps):
    return images + eps * torch.sign(gradient)
