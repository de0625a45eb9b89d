"""Whole tensors at once, with torchvision where it has what is needed."""

import torch
import torchvision
from torch import cummax


def iou(a, b):
    return torch.nan_to_num(torchvision.ops.box_iou(a, b), nan=0.0)


def nms(boxes, scores, threshold, verbose=False):
    return torchvision.ops.nms(boxes, scores, threshold)


def sliding_windows(height, width, side, stride):
    if side > height or side > width:
        return torch.empty(0, 4)
    grid = torch.cartesian_prod(torch.arange(0, height - side + 1, stride), torch.arange(0, width - side + 1, stride))
    corner = grid.flip(1)
    return torch.cat([corner, corner + side], dim=1)


def average_precision(scores, is_right, n_truth):
    if scores.numel() == 0 or not is_right.any():
        return torch.tensor(0.0)
    hits = is_right[torch.sort(scores, descending=True).indices]
    precision = hits.cumsum(0) / torch.arange(1, hits.numel() + 1)
    envelope = cummax(precision.flip(0), 0)[0].flip(0)
    return torch.where(hits, envelope, torch.zeros(())).sum().reshape(1) / n_truth
