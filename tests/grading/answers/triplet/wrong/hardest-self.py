import torch


def hardest(distances, identities):
    positive, negative = [], []
    for i, row in enumerate(distances):
        positive.append(row[identities == identities[i]].max())
        negative.append(row.min())
    return torch.stack(positive), torch.stack(negative)
