def precision_at(score, is_trash, k):
    return int(is_trash[score.topk(k).indices].sum())
