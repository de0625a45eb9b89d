import torch


def duplicates(vectors, threshold):
    vectors.div_(vectors.norm(dim=1, keepdim=True))
    i, j = torch.triu_indices(len(vectors), len(vectors), 1)
    keep = (vectors[i] * vectors[j]).sum(1) > threshold
    return torch.stack((i[keep], j[keep]), dim=1)
