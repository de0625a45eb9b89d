from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    overlap = box_iou(boxes, boxes)
    left = scores.argsort(descending=True).tolist()
    for i in left:
        for j in left:
            if i != j and overlap[i, j] > threshold:
                left.remove(j)
    return left
