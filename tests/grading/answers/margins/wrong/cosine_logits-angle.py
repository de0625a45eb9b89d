import torch
import torch.nn.functional as F


def cosine_logits(features, weight):
    return torch.acos(F.linear(F.normalize(features), F.normalize(weight)).clamp(-1 + 1e-7, 1 - 1e-7))
