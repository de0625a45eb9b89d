import torch


def area(box):
    return (box[2] - box[0] + 1) * (box[3] - box[1] + 1)


def iou(a, b):
    result = torch.zeros(len(a), len(b))
    for i in range(len(a)):
        for j in range(len(b)):
            w = min(a[i][2], b[j][2]) - max(a[i][0], b[j][0]) + 1
            h = min(a[i][3], b[j][3]) - max(a[i][1], b[j][1]) + 1
            inter = max(w, 0) * max(h, 0)
            result[i, j] = inter / (area(a[i]) + area(b[j]) - inter)
    return result
