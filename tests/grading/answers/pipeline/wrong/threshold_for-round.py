import torch
import torch.nn.functional as F


def threshold_for(gallery, strangers, fpir):
    means = torch.stack([F.normalize(rows.mean(0), dim=0) for rows in gallery.values()])
    best = (F.normalize(strangers, dim=1) @ means.T).max(dim=1).values
    best = best.sort(descending=True).values
    return best[min(round(fpir * len(best)), len(best) - 1)].item()
