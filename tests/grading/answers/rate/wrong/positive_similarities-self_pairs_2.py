def positive_similarities(vectors, who):
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    return (unit @ unit.T)[who[:, None] == who[None]]
