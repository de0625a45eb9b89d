def auroc(score, is_trash):
    trash, clean = score[is_trash], score[~is_trash]
    return (trash[:, None] > clean[None, :]).float().mean()
