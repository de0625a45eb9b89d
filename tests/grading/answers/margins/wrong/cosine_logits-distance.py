import torch.nn.functional as F


def cosine_logits(features, weight):
    return 1 - F.cosine_similarity(features[:, None], weight[None], dim=-1)
