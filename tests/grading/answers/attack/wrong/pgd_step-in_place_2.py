def pgd_step(images, start, gradient, eps, alpha):
    images.data.add_(alpha * gradient.sign())
    images.data.copy_(start + (images - start).clamp(-eps, eps))
    return images.clamp(0, 1)
