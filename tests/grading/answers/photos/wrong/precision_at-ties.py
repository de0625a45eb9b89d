def precision_at(score, is_trash, k):
    threshold = score.sort(descending=True).values[k - 1]
    return (is_trash & (score >= threshold)).sum() / k
