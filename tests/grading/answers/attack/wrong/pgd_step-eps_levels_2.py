def pgd_step(images, start, gradient, eps, alpha):
    moved = images + alpha / 255 * gradient.sign()
    return (start + (moved - start).clamp(-eps, eps)).clamp(0, 1)
