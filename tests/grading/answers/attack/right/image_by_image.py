"""One image after the other, in place on copies, with .grad set back to zero."""

import torch


def cosine(image, target, weight1, weight2):
    inner = torch.tanh(weight1 @ image.reshape(-1))
    vector = weight2 @ inner
    return torch.dot(vector, target) / vector.norm()


def similarity_gradient(images, targets, weight1, weight2):
    found = []
    for image, target in zip(images, targets):
        leaf = image.clone().requires_grad_()
        (slope,) = torch.autograd.grad(cosine(leaf, target, weight1, weight2), leaf)
        found.append(slope)
    return found


def fgsm(images, gradient, eps):
    out = images.clone()
    out.add_(torch.sign(gradient), alpha=eps)
    out.clamp_(min=0.0, max=1.0)
    return out


def pgd_step(images, start, gradient, eps, alpha, low=0.0, high=1.0):
    out = images.clone().add_(gradient.sign().mul(alpha))
    out = torch.max(torch.min(out, start + eps), start - eps)
    return out.clamp_(low, high)


def pgd(images, targets, weight1, weight2, eps, alpha, steps):
    results = []
    for image, target in zip(images, targets):
        x = image.clone().requires_grad_(True)
        optimizer = torch.optim.SGD([x], lr=1.0)
        for _ in range(steps):
            optimizer.zero_grad()
            cosine(x, target, weight1, weight2).backward()
            x.data = torch.clamp(x.data + alpha * x.grad.sign(), 0, 1)
            x.data = torch.max(torch.min(x.data, image + eps), image - eps)
        results.append(x.detach())
    return torch.stack(results)


def bisect(low, high, needed, rounds):
    if rounds == 0:
        return high
    middle = low + (high - low) / 2
    if middle < needed:
        return bisect(middle, high, needed, rounds - 1)
    return bisect(low, middle, needed, rounds - 1)
