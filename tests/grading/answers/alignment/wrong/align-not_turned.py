import torch.nn.functional as F


def align(image, points, template, size):
    x, y = points.mean(0).round().int().tolist()
    low, high = points.amin(0), points.amax(0)
    half = int((high - low).max())
    padded = F.pad(image, (half, half, half, half))
    crop = padded[:, y : y + 2 * half, x : x + 2 * half]
    return F.interpolate(crop[None], size=size, mode="bilinear")[0]
