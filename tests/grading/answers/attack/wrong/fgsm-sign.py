def fgsm(images, gradient, eps):
    return (images - eps * gradient.sign()).clamp(0, 1)
