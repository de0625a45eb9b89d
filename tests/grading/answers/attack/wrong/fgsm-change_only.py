def fgsm(images, gradient, eps):
    return eps * gradient.sign()
