import torch


def hardest(distances, identities):
    N = len(identities)
    positive_mask = (identities.view(-1, 1) == identities.view(1, -1)) & ~torch.eye(N, dtype=torch.bool)
    far = torch.where(positive_mask, distances, torch.full_like(distances, -1.0)).amax(dim=1)
    near = torch.where(positive_mask, torch.full_like(distances, torch.inf), distances).amin(dim=1)
    return far, near
