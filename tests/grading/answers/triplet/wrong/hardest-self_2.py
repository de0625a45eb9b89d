import torch


def hardest(distances, identities):
    same = identities[:, None] == identities[None]
    itself = torch.eye(len(identities), dtype=torch.bool)
    positive = distances.masked_fill(~same, -1).max(1).values
    negative = distances.masked_fill(itself, 1e9).min(1).values
    return positive, negative
