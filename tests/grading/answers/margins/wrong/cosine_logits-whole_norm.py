def cosine_logits(features, weight):
    return (features / features.norm()) @ (weight / weight.norm()).T
