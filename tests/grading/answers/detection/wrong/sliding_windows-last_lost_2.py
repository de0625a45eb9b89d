import torch


def sliding_windows(height, width, side, stride):
    boxes = []
    for y in range((height - side) // stride):
        for x in range((width - side) // stride):
            boxes.append((x * stride, y * stride, x * stride + side, y * stride + side))
    return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
