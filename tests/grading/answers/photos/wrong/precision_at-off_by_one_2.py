def precision_at(score, is_trash, k):
    pairs = sorted(zip(score.tolist(), is_trash.tolist()), reverse=True)
    found = 0
    for i in range(1, k):
        found += pairs[i][1]
    return found / k
