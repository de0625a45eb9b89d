def hardest(distances, identities):
    same = identities[:, None] == identities[None]
    return distances.masked_fill(~same, -1).max(1).values
