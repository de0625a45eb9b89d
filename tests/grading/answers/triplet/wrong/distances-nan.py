def distances(vectors):
    difference = vectors[:, None] - vectors[None]
    return (difference**2).sum(2).sqrt()
