import torch


def sliding_windows(height, width, side, stride):
    boxes = []
    for y in range(0, width - side + 1, stride):
        for x in range(0, height - side + 1, stride):
            boxes.append((x, y, x + side, y + side))
    return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
