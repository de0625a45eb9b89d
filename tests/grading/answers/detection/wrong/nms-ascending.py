from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    overlap = box_iou(boxes, boxes)
    keep = []
    for i in scores.argsort().tolist():
        if all(overlap[i, j] <= threshold for j in keep):
            keep.append(i)
    return keep
