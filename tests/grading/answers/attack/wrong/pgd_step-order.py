def pgd_step(images, start, gradient, eps, alpha):
    inside = start + (images - start).clamp(-eps, eps)
    return (inside + alpha * gradient.sign()).clamp(0, 1)
