from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    order = scores.argsort(descending=True)
    keep = []
    while len(order):
        keep.append(int(order[0]))
        rest = order[1:]
        order = rest[box_iou(boxes[order[:1]], boxes[rest])[0] > threshold]
    return keep
