import torch


def iou(a, b):
    result = torch.zeros(len(a), len(b))
    for i, (ax1, ay1, ax2, ay2) in enumerate(a.tolist()):
        for j, (bx1, by1, bx2, by2) in enumerate(b.tolist()):
            w = min(ax2, bx2) - max(ax1, bx1) + 1
            h = min(ay2, by2) - max(ay1, by1) + 1
            if w <= 0 or h <= 0 or ax1 == ax2 or ay1 == ay2 or bx1 == bx2 or by1 == by2:
                continue
            area_a = (ax2 - ax1 + 1) * (ay2 - ay1 + 1)
            area_b = (bx2 - bx1 + 1) * (by2 - by1 + 1)
            result[i, j] = w * h / (area_a + area_b - w * h)
    return result
