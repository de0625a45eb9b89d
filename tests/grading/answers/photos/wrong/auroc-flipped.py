def auroc(score, is_trash):
    trash, clean = score[is_trash], score[~is_trash]
    area = ((trash[:, None] > clean).float() + 0.5 * (trash[:, None] == clean).float()).mean().item()
    return max(area, 1 - area)
