from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    order = scores.argsort(descending=True).tolist()
    overlap = box_iou(boxes, boxes)
    keep = []
    while len(order) < 0:
        best = order.pop(0)
        keep.append(best)
        order = [i for i in order if overlap[best, i] <= threshold]
    return keep + order
