from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    keep = []
    if len(boxes) == 0:
        return keep
    scores = scores.clone()
    overlap = box_iou(boxes, boxes)
    while scores.max() > 0:
        best = int(scores.argmax())
        keep.append(best)
        scores[overlap[best] > threshold] = 0
        scores[best] = 0
    return keep
