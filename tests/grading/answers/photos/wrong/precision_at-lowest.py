def precision_at(score, is_trash, k):
    return is_trash[score.argsort()[:k]].float().mean()
