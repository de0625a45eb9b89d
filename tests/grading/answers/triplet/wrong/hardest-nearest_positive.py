def hardest(distances, identities):
    same = identities[:, None] == identities[None]
    different = ~same
    same.fill_diagonal_(False)
    positive = distances.masked_fill(~same, 1e9).min(1).values
    negative = distances.masked_fill(~different, 1e9).min(1).values
    return positive, negative
