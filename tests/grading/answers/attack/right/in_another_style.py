import torch
from torch.nn import functional as F


def similarity_gradient(images, targets, weight1, weight2):
    x = images.detach().clone().requires_grad_()
    z = torch.tanh(x.flatten(1) @ weight1.T) @ weight2.T
    total = (F.normalize(z, dim=1) * targets).sum()
    return torch.autograd.grad(total, x)[0]


def fgsm(images, gradient, eps):
    return (images + eps * gradient.sign()).clamp(0, 1)


def pgd_step(images, start, gradient, eps, alpha):
    moved = images + alpha * gradient.sign()
    near = torch.minimum(torch.maximum(moved, start - eps), start + eps)
    return near.clamp(0, 1)


def pgd(images, targets, weight1, weight2, eps, alpha, steps):
    now = images.clone()
    for _ in range(steps):
        now = pgd_step(now, images, similarity_gradient(now, targets, weight1, weight2), eps, alpha)
    return now


def bisect(low, high, needed, rounds):
    for _ in range(rounds):
        middle = (low + high) / 2
        if middle >= needed:
            high = middle
        else:
            low = middle
    return high
