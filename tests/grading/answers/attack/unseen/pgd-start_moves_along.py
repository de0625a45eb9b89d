import torch
from torch.nn import functional as F


def similarity_gradient(images, targets, weight1, weight2):
    with torch.enable_grad():
        x = images.detach().clone().requires_grad_()
        e = F.normalize(torch.tanh(x.flatten(1) @ weight1.T) @ weight2.T, dim=1)
        (g,) = torch.autograd.grad((e * targets).sum(), x)
    return g


def pgd_step(images, start, gradient, eps, alpha):
    images = images + alpha * gradient.sign()
    images = torch.max(torch.min(images, start + eps), start - eps)
    return images.clamp(0, 1)


def pgd(images, targets, weight1, weight2, eps, alpha, steps):
    x = images.clone()
    for _ in range(steps):
        grad = similarity_gradient(x, targets, weight1, weight2)
        x = pgd_step(x, x, grad, eps, alpha)
    return x
