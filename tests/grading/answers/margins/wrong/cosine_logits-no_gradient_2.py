import torch


def cosine_logits(features, weight):
    rows = [[float(f @ w / (f.norm() * w.norm())) for w in weight] for f in features]
    return torch.tensor(rows)
