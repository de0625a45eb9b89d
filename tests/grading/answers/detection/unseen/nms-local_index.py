import torch


def iou(a, b):
    lt = torch.maximum(a[:, None, :2], b[:, :2])
    rb = torch.minimum(a[:, None, 2:], b[:, 2:])
    inter = (rb - lt).clamp(min=0).prod(-1)
    sa, sb = (a[:, 2:] - a[:, :2]).prod(-1), (b[:, 2:] - b[:, :2]).prod(-1)
    return torch.nan_to_num(inter / (sa[:, None] + sb - inter))


def nms(boxes, scores, threshold):
    keep = []
    order = torch.argsort(scores, descending=True)
    while order.numel() > 0:
        best = order[0]
        keep.append(best.item())
        rest = order[1:]
        overlaps = iou(boxes[best].unsqueeze(0), boxes[rest])[0]
        order = torch.where(overlaps <= threshold)[0] + 1
    return torch.tensor(keep, dtype=torch.int64)
