from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    order = scores.argsort(descending=True)
    overlap = box_iou(boxes[order], boxes[order]).triu(diagonal=1)
    return order[(overlap <= threshold).all(dim=0)]
