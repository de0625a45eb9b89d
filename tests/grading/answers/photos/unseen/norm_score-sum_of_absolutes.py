def norm_score(features):
    return 1.0 / (1e-6 + features.abs().sum(dim=1))
