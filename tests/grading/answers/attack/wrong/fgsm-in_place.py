def fgsm(images, gradient, eps):
    images += eps * gradient.sign()
    return images.clamp_(0, 1)
