def auroc(score, is_trash):
    difference = score[is_trash][:, None] - score[~is_trash][None]
    return ((difference.sign() + 1) / 2).sum() / len(score) ** 2
