def fgsm(images, gradient, eps):
    return (images + eps * gradient).clamp(0, 1)
