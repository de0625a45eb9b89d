def hardest(distances, identities):
    same = identities[:, None] == identities[None]
    positive = distances.max(1).values
    negative = distances.masked_fill(same, 1e9).min(1).values
    return positive, negative
