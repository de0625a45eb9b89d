import torch


def sliding_windows(height, width, side, stride):
    boxes = []
    for y in range(0, height - side + stride, stride):
        for x in range(0, width - side + stride, stride):
            x1, y1 = min(x, width - side), min(y, height - side)
            boxes.append((x1, y1, x1 + side, y1 + side))
    return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
