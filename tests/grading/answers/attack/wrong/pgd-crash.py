import torch
import torch.nn.functional as F


def pgd(images, targets, weight1, weight2, eps, alpha, steps):
    x = images.clone()
    for _ in range(steps):
        x.requires_grad_()
        vectors = F.normalize(torch.tanh(x.flatten(1) @ weight1.T) @ weight2.T, dim=1)
        (vectors * targets).sum().backward()
        x = x + alpha * x.grad.sign()  # from here on x is no leaf
        x = (images + (x - images).clamp(-eps, eps)).clamp(0, 1)
    return x
