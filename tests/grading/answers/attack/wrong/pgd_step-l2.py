def pgd_step(images, start, gradient, eps, alpha):
    change = images + alpha * gradient.sign() - start
    norm = change.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    change = change * (eps / (norm + 1e-12)).clamp(max=1)
    return (start + change).clamp(0, 1)
