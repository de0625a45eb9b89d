def fgsm(images, gradient, eps):
    adversarial = images + eps * gradient.sign()
    return adversarial.clamp(max=1)
