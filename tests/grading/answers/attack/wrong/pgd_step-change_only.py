def pgd_step(images, start, gradient, eps, alpha):
    moved = (images + alpha * gradient.sign()).clamp(0, 1)
    return (moved - start).clamp(-eps, eps)
