def norm_score(features):
    return features.norm(dim=1)
