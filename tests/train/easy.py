"""Faces that anything learns, a network for them, and a run; also imported by the processes that the tests start."""

import torch
from torch import nn

from dlsfaces import rng, train
from dlsfaces.data import FaceSet, batches
from dlsfaces.recognize import CrossEntropy, FaceResNet


class Images:
    """Reads from a tensor; a class, so that other processes can be sent one."""

    def __init__(self, images):
        self.images = images

    def __call__(self, indices, size):
        return self.images[list(indices)]


def easy_faces(per_person=16):
    """People that are colours: anything that learns at all learns these."""
    ids = torch.arange(4).repeat(per_person)
    colours = rng.uniform(rng.key(1, torch.arange(4)), 3)[ids] * 200
    noise = rng.uniform(rng.key(2, torch.arange(len(ids))), 3 * 32 * 32).view(-1, 3, 32, 32) * 55
    images = Images((colours[:, :, None, None] + noise).to(torch.uint8))
    return FaceSet("easy", "train", "tight", [str(i) for i in range(len(ids))], ids, list("abcd"), images, (32, 32))


def small(seed=0, dropout=0.0):
    torch.manual_seed(seed)
    return FaceResNet("small", 16, (32, 32), dropout), CrossEntropy(16, 4)


class Plain(nn.Sequential):
    """No batch statistics: what a sample gives does not depend on the others in its batch."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        super().__init__(nn.Conv2d(3, 8, 3, 2), nn.GroupNorm(2, 8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 225, 16))


def fit(model, loss, faces=None, *, batch_size=16, move=None, augment=None, validate=None, checkpoint=None, **settings):
    settings = train.Settings(**(dict(epochs=3, lr=0.05, precision="no") | settings))
    loader = batches(faces or easy_faces(), (32, 32), batch_size, shuffle=True)
    functions = dict(move=move, augment=augment, validate=validate)
    return train.fit(model, loss, loader, settings, **functions, checkpoint=checkpoint)


def weights(*modules):
    return torch.cat([p.detach().flatten().double() for m in modules for p in m.state_dict().values()])


class Stop(Exception):
    """Instead of a kill: nothing of the loop catches it."""


class StopAfter:
    """A move that changes nothing, and stops a run after so many steps."""

    def __init__(self, steps=None):
        self.left, self._shares = steps if steps is None else [steps], []

    def __call__(self, images, targets, keys):
        if self.left == [len(self._shares)]:
            raise Stop
        self._shares.append(len(images))
        return images, targets
