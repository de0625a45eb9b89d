import torch
import torch.nn.functional as F


def batch_hard_loss(vectors, identities, margin):
    x = vectors / vectors.norm(dim=1, keepdim=True)
    losses = []
    for i in range(len(x)):
        others = torch.arange(len(x)) != i
        squared = ((x[i] - x) ** 2).sum(1)
        far = squared[others & (identities == identities[i])].max()
        near = squared[identities != identities[i]].min()
        losses.append(F.relu(far**0.5 - near**0.5 + margin))
    return sum(losses) / len(losses)
