import torch


def overlap(p, q):
    w = min(p[2], q[2]) - max(p[0], q[0])
    h = min(p[3], q[3]) - max(p[1], q[1])
    if w <= 0 or h <= 0:
        return 0.0
    both = w * h
    return both / ((p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - both)


def nms(boxes, scores, threshold):
    b = boxes.tolist()
    todo = sorted(range(len(b)), key=lambda i: -float(scores[i]))
    result = []
    while todo:
        top = todo.pop(0)
        result.append(top)
        for other in todo:
            if overlap(b[top], b[other]) > threshold:
                todo.remove(other)
    return torch.tensor(result, dtype=torch.long)
