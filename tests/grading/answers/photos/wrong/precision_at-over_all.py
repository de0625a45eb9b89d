def precision_at(score, is_trash, k):
    top = score.topk(k).indices
    return is_trash[top].sum() / len(is_trash)
