def pgd_step(images, start, gradient, eps, alpha):
    eps, alpha = eps / 255, alpha / 255
    moved = images + alpha * gradient.sign()
    return (start + (moved - start).clamp(-eps, eps)).clamp(0, 1)
