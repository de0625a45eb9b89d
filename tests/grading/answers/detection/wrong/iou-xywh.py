import torch
from torchvision.ops import box_convert, box_iou


def iou(a, b):
    found = box_iou(box_convert(a, "xywh", "xyxy"), box_convert(b, "xywh", "xyxy"))
    return torch.nan_to_num(found)
