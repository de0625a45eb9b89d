def distances(vectors):
    return ((vectors[:, None] - vectors[None]) ** 2).sum(2)
