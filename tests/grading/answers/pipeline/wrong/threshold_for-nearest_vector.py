import torch
import torch.nn.functional as F


def threshold_for(gallery, strangers, fpir):
    rows = torch.cat(list(gallery.values()))
    best = (F.normalize(strangers, dim=1) @ rows.T).max(dim=1).values
    best = best.sort(descending=True).values
    return best[min(int(fpir * len(best)), len(best) - 1)].item()
