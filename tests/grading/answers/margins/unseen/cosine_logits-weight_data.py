def cosine_logits(features, weight):
    norm = weight.data.norm(dim=1, keepdim=True)
    w = weight.data / norm
    x = features / features.norm(dim=1, keepdim=True)
    return x.mm(w.t())
