def auroc(score, is_trash):
    trash, clean = score[is_trash], score[~is_trash]
    less = (trash[:, None] < clean[None, :]).float()
    return (less + 0.5 * (trash[:, None] == clean[None, :]).float()).mean()
