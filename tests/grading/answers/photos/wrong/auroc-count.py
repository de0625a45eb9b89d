def auroc(score, is_trash):
    pairs = 0
    for i in range(len(score)):
        for j in range(len(score)):
            if is_trash[i] and not is_trash[j]:
                pairs += 1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0
    return pairs
