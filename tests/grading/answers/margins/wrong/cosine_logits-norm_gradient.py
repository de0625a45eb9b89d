def cosine_logits(features, weight):
    features = features / features.detach().norm(dim=1, keepdim=True)
    weight = weight / weight.detach().norm(dim=1, keepdim=True)
    return features @ weight.T
