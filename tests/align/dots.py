"""Images whose landmarks are coloured dots, and where the dots are: what any image can be asked."""

import torch

from dlsfaces.data import FaceSet

#: Left eye red, right eye green, nose blue, mouth corners yellow and cyan.
COLOURS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]])


def dotted(points, size, sigma=2.0):
    """Black images float ``(N, 3, height, width)`` with a soft dot at each of the points ``(N, 5, 2)``."""
    y, x = (torch.arange(n) + 0.5 for n in size)
    across, down = ((-0.5 * ((axis - points[..., k, None]) / sigma) ** 2).exp() for k, axis in enumerate((x, y)))
    return torch.einsum("npy,npx,pc->ncyx", down, across, COLOURS).clamp(0, 1)


def dots(images):
    """The middles of the five colours in images ``(N, 3, H, W)``: ``(N, 5, 2)`` pixels."""
    images = images.float() / 255 if images.dtype == torch.uint8 else images
    r, g, b = images.double().unbind(1)
    yellow, cyan = torch.minimum(r, g), torch.minimum(g, b)
    shares = torch.stack((r - yellow, g - yellow - cyan, b - cyan, yellow, cyan), dim=1).clamp(min=0)
    shares = shares * (shares > 0.02)
    height, width = images.shape[2:]
    total = shares.sum((2, 3))
    x = (shares.sum(2) * (torch.arange(width) + 0.5)).sum(-1) / total
    y = (shares.sum(3) * (torch.arange(height) + 0.5)).sum(-1) / total
    return torch.stack((x, y), dim=-1).float()


class Held:
    """Reads from a tensor, as it is or at half the size."""

    def __init__(self, images):
        self.images = images

    def __call__(self, indices, size):
        chosen = self.images[torch.as_tensor(list(indices), dtype=torch.int64)]
        if size is None or tuple(size) == tuple(chosen.shape[2:]):
            return chosen
        shown = torch.nn.functional.interpolate(chosen.float(), tuple(size), mode="bilinear", antialias=True)
        return shown.round().to(torch.uint8)


def dotted_set(points, size, framing="loose", split="train", **more):
    """A set of such images."""
    images = (255 * dotted(points, size)).round().to(torch.uint8)
    names = [f"{split}{i}" for i in range(len(points))]
    ids = torch.zeros(len(points), dtype=torch.int64)
    return FaceSet("dots", split, framing, names, ids, ["a"], Held(images), size, points, **more)
