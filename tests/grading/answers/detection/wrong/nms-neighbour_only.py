from torchvision.ops import box_iou


def nms(boxes, scores, threshold):
    order = scores.argsort(descending=True).tolist()
    overlap = box_iou(boxes, boxes)
    return [i for k, i in enumerate(order) if k == 0 or overlap[i, order[k - 1]] <= threshold]
