import torch
from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    scores, order = scores.sort(descending=True)
    boxes = boxes[order]
    overlap = box_iou(boxes, boxes)
    keep = []
    for i in range(len(boxes)):
        if all(overlap[i, j] <= threshold for j in keep):
            keep.append(i)
    return torch.tensor(keep, dtype=torch.long)
