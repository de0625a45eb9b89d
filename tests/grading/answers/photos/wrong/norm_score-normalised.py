import torch.nn.functional as F


def norm_score(features):
    features = F.normalize(features, dim=1)
    return -features.norm(dim=1)
