import torch
import torch.nn.functional as F


def pgd(images, targets, weight1, weight2, eps, alpha, steps):
    x = images.clone().requires_grad_(True)
    for _ in range(steps):
        vectors = F.normalize(torch.tanh(x.flatten(1) @ weight1.T) @ weight2.T, dim=1)
        (vectors * targets).sum().backward()
        with torch.no_grad():
            x += alpha * x.grad.sign()
            x.copy_((images + (x - images).clamp(-eps, eps)).clamp(0, 1))
    return x.detach()
