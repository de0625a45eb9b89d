def norm_score(features):
    return -features.abs().sum(dim=1)
