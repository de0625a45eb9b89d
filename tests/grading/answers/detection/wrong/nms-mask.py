import torch
from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    overlap = box_iou(boxes, boxes)
    keep = []
    for i in scores.argsort(descending=True).tolist():
        if all(overlap[i, j] <= threshold for j in keep):
            keep.append(i)
    return torch.tensor([i in keep for i in range(len(boxes))])
