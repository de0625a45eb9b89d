def precision_at(score, is_trash, k):
    top = score.topk(k).indices
    return is_trash[top].sum() / is_trash.sum()
