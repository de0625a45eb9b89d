def negative_similarities(vectors, who, others):
    dots = vectors @ others.T
    lengths = vectors.norm(dim=1).unsqueeze(1) * others.norm(dim=1).unsqueeze(0)
    return (dots / lengths).flatten()
