def cosine_logits(features, weight):
    features = features / features.norm(dim=0)
    weight = weight / weight.norm(dim=0)
    return features @ weight.T
