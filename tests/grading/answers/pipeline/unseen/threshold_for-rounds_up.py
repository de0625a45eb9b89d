import torch


def threshold_for(gallery, strangers, fpir):
    centres = []
    for person in gallery.values():
        m = person.mean(0)
        centres.append(m / m.norm())
    centres = torch.stack(centres, dim=1)
    s = (strangers / strangers.norm(dim=1, keepdim=True)) @ centres
    s = s.max(dim=1)[0]
    n = round(fpir * len(s))
    if n >= len(s):
        return -2.0
    return torch.sort(s, descending=True)[0][n].item()
