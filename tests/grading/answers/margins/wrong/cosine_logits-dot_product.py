def cosine_logits(features, weight):
    return features @ weight.T
