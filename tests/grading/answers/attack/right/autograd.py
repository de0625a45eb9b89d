"""The plain way: autograd, and a step that the whole attack uses."""

import torch
import torch.nn.functional as F


def embed(images, weight1, weight2):
    return F.normalize(torch.tanh(images.flatten(1) @ weight1.T) @ weight2.T, dim=1)


def similarity_gradient(images, targets, weight1, weight2):
    x = images.detach().clone().requires_grad_(True)
    loss = (embed(x, weight1, weight2) * targets).sum()
    loss.backward()
    return x.grad


def fgsm(images, gradient, eps):
    return (images + eps * gradient.sign()).clamp(0, 1)


def pgd_step(images, start, gradient, eps, alpha):
    moved = images + alpha * gradient.sign()
    return (start + (moved - start).clamp(-eps, eps)).clamp(0, 1)


def pgd(images, targets, weight1, weight2, eps, alpha, steps):
    moved = images
    for _ in range(steps):
        moved = pgd_step(moved, images, similarity_gradient(moved, targets, weight1, weight2), eps, alpha)
    return moved


def bisect(low, high, needed, rounds):
    for _ in range(rounds):
        middle = (low + high) / 2
        if middle >= needed:
            high = middle
        else:
            low = middle
    return high
