import torch


def nms(boxes, scores, threshold):
    order = scores.argsort(descending=True)
    s = boxes[order]
    area = (s[:, 2] - s[:, 0]) * (s[:, 3] - s[:, 1])
    w = (torch.min(s[:, None, 2], s[None, :, 2]) - torch.max(s[:, None, 0], s[None, :, 0])).clamp(min=0)
    h = (torch.min(s[:, None, 3], s[None, :, 3]) - torch.max(s[:, None, 1], s[None, :, 1])).clamp(min=0)
    inter = w * h
    ious = inter / (area[:, None] + area[None] - inter).clamp(min=1e-12)
    better = torch.triu(torch.ones_like(ious), diagonal=1).bool()  # row is better than column
    suppressed = ((ious > threshold) & better).any(dim=0)
    return order[~suppressed]
