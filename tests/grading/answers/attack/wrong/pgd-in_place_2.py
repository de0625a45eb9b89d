import torch
import torch.nn.functional as F


def slope(x, targets, weight1, weight2):
    x = x.detach().clone().requires_grad_()
    vectors = F.normalize(torch.tanh(x.flatten(1) @ weight1.T) @ weight2.T, dim=1)
    return torch.autograd.grad((vectors * targets).sum(), x)[0]


def pgd(images, targets, weight1, weight2, eps, alpha, steps):
    x = images
    for _ in range(steps):
        g = slope(x, targets, weight1, weight2)
        x += alpha * g.sign()
        x.copy_((images + (x - images).clamp(-eps, eps)).clamp(0, 1))  # x is images itself
    return x
