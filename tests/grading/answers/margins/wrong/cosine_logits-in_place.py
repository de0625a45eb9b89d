def cosine_logits(features, weight):
    features /= features.norm(dim=1, keepdim=True)
    weight /= weight.norm(dim=1, keepdim=True)
    return features @ weight.T
