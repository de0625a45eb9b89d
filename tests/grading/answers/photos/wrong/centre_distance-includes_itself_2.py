import torch


def centre_distance(features, identities):
    centres = {int(p): features[identities == p].mean(0) for p in set(identities.tolist())}
    mine = torch.stack([centres[p] for p in identities.tolist()])
    return 1 - torch.cosine_similarity(features, mine, dim=1)
