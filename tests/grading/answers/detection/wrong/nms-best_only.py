import torch
from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    order = scores.argsort(descending=True)
    if len(order) == 0:
        return order
    best, rest = order[:1], order[1:]
    return torch.cat((best, rest[box_iou(boxes[best], boxes[rest])[0] <= threshold]))
