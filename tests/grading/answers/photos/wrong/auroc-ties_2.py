def auroc(score, is_trash):
    won = 0
    for t in score[is_trash]:
        for c in score[~is_trash]:
            won += int(t >= c)
    return won / (int(is_trash.sum()) * int((~is_trash).sum()))
