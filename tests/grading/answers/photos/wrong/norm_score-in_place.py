def norm_score(features):
    features *= features
    return -features.sum(1).sqrt()
