from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    keep = []
    if len(boxes) == 0:
        return keep
    overlap = box_iou(boxes, boxes)
    while scores.max() > -float("inf"):
        best = int(scores.argmax())
        keep.append(best)
        scores[overlap[best] > threshold] = -float("inf")
        scores[best] = -float("inf")
    return keep
