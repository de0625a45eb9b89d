def pgd_step(images, start, gradient, eps, alpha):
    moved = images + alpha * gradient
    change = (moved - start).clamp(-eps, eps)
    return (start + change).clamp(0, 1)
