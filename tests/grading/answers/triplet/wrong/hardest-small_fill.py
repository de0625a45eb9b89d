def hardest(distances, identities):
    same = identities[:, None] == identities[None]
    positive = (distances * same).max(1).values
    negative = (distances + 100 * same).min(1).values
    return positive, negative
