import torch


def auroc(score, is_trash):
    hits = is_trash[score.argsort(descending=True)].float()
    tpr = torch.cat((torch.zeros(1), hits.cumsum(0) / hits.sum()))
    fpr = torch.cat((torch.zeros(1), (1 - hits).cumsum(0) / (1 - hits).sum()))
    return torch.trapezoid(tpr, fpr)
