import torch


def norm_score(features):
    return -torch.linalg.norm(features, axis=0)
