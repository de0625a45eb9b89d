def norm_score(features):
    return -features.mean(dim=-1)
