"""Faces that anything learns, a network for them, and a run; also imported by the scripts that the tests start."""

import torch
from torch import nn

from dlsfaces import rng, train
from dlsfaces.data import FaceSet, batches
from dlsfaces.recognize import CrossEntropy, FaceResNet


def easy_faces(n_people=4, pictures=16, size=(32, 32)):
    """People that are colours: anything that learns at all learns these."""
    ids = torch.arange(n_people).repeat(pictures)
    colours = rng.uniform(rng.key(1, torch.arange(n_people)), 3)[ids] * 200
    noise = rng.uniform(rng.key(2, torch.arange(len(ids))), 3 * size[0] * size[1]).view(-1, 3, *size) * 55
    images = (colours[:, :, None, None] + noise).to(torch.uint8)
    return FaceSet(
        "easy",
        "train",
        "tight",
        [str(i) for i in range(len(ids))],
        ids,
        ["a", "b", "c", "d"][:n_people],
        Pictures(images),
        size,
    )


class Pictures:
    """Reads from a tensor; a class, so that other processes can be sent one."""

    def __init__(self, images):
        self.images = images

    def __call__(self, indices, size):
        return self.images[list(indices)]


def small(seed=0, dropout=0.0):
    torch.manual_seed(seed)
    return FaceResNet("small", 16, (32, 32), dropout), CrossEntropy(16, 4)


class Plain(nn.Sequential):
    """No batch statistics: what a sample gives does not depend on the others in its batch."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        super().__init__(nn.Conv2d(3, 8, 3, 2), nn.GroupNorm(2, 8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 225, 16))


def fit(model, loss, faces, *, batch_size=16, **options):
    options = dict(epochs=3, lr=0.05, precision="no", progress=False) | options
    return train.fit(model, loss, batches(faces, (32, 32), batch_size, shuffle=True), **options)


def weights(*modules):
    return torch.cat([p.detach().flatten() for m in modules for p in m.state_dict().values() if p.is_floating_point()])
