"""Everything in loops, lists of plain numbers."""


def area(box):
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def one_iou(p, q):
    w = min(p[2], q[2]) - max(p[0], q[0])
    h = min(p[3], q[3]) - max(p[1], q[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (area(p) + area(q) - w * h)


def iou(a, b):
    return [[one_iou(p, q) for q in b.tolist()] for p in a.tolist()]


def nms(boxes, scores, threshold):
    left = sorted(range(len(scores)), key=lambda i: -scores[i])
    keep = []
    while left:
        best = left.pop(0)
        keep.append(best)
        left = [i for i in left if not one_iou(boxes[i].tolist(), boxes[best].tolist()) >= threshold]
    return keep


def sliding_windows(height, width, side, stride):
    windows = []
    y = 0
    while y + side <= height:
        x = 0
        while x + side <= width:
            windows.append([x, y, x + side, y + side])
            x += stride
        y += stride
    return windows


def average_precision(scores, is_right, n_truth):
    pairs = sorted(zip(scores.tolist(), is_right.tolist()), reverse=True)
    points, hits = [], 0
    for k, (_, right) in enumerate(pairs, 1):
        hits += right
        points.append((hits / n_truth, hits / k))
    total, last = 0, 0
    for recall, _ in points:
        total += (recall - last) * max(p for r, p in points if r >= recall)
        last = recall
    return total
