import torch


def hardest(distances, identities):
    ids = identities.tolist()
    positives, negatives = [], []
    for a in range(len(ids)):
        same = [j for j in range(len(ids)) if ids[j] == ids[a] and j != a]
        diff = [j for j in range(len(ids)) if ids[j] != ids[a]]
        positives.append(distances[a, same].max())
        negatives.append(distances[a, diff].max())
    return torch.stack(positives), torch.stack(negatives)
