import torch
import torch.nn.functional as F


def embed(images, weight1, weight2):
    return F.normalize(torch.tanh(images.flatten(1) @ weight1.T) @ weight2.T, dim=1)


def similarity_gradient(images, targets, weight1, weight2):
    x = images.clone().requires_grad_()
    F.cosine_similarity(embed(x, weight1, weight2), targets).sum().backward()
    norm = x.grad.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return x.grad / (norm + 1e-12)
