def hardest(distances, identities):
    same = identities[:, None] == identities[None]
    positive = distances.masked_fill(~same, 0).max(1).values
    negative = distances.masked_fill(same, 1e9).min(1).values
    return negative, positive
