def fgsm(images, gradient, eps):
    return (images + gradient.sign()).clamp(0, 1)
