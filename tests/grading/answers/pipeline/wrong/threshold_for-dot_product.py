import torch


def threshold_for(gallery, strangers, fpir):
    means = torch.stack([rows.mean(0) for rows in gallery.values()])
    best = (strangers @ means.T).max(dim=1).values
    best = best.sort(descending=True).values
    return best[min(int(fpir * len(best)), len(best) - 1)].item()
