def pgd_step(images, start, gradient, eps, alpha):
    change = (alpha * gradient.sign()).clamp(-eps, eps)
    return (start + change).clamp(0, 1)
