import torch


def sliding_windows(height, width, side, stride):
    boxes = []
    for y in range(height - side + 1):
        for x in range(width - side + 1):
            boxes.append((x, y, x + side, y + side))
    return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
