from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    left = list(range(len(scores)))
    keep = []
    overlap = box_iou(boxes, boxes)
    best = max(left, key=lambda i: scores[i])  # there is none without boxes
    while left:
        keep.append(best)
        left = [i for i in left if i != best and overlap[i, best] <= threshold]
        if left:
            best = max(left, key=lambda i: scores[i])
    return keep
