def hardest(distances, identities):
    pos = identities.unsqueeze(0) == identities.unsqueeze(1)
    hardest_pos, _ = (distances * pos.float()).max(dim=1)
    hardest_neg, _ = (distances * (1 - pos.float())).min(dim=1)
    return hardest_pos, hardest_neg
