"""Faces that anything learns, networks for them, and a run; also imported by the processes that the tests start."""

import torch

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


def fit(model, loss, faces=None, *, batch_size=16, checkpoint=None, move=None, augment=None, validate=None, **settings):
    settings = train.Settings(**(dict(epochs=3, lr=0.05, precision="no") | settings))
    loader = batches(faces or easy_faces(), (32, 32), batch_size, shuffle=True)
    functions = dict(move=move, augment=augment, validate=validate)
    return train.fit(model, loss, loader, settings, **functions, checkpoint=checkpoint)


def weights(*modules):
    return torch.cat([p.detach().flatten().double() for m in modules for p in m.state_dict().values()])


class Stop(Exception):
    """Instead of a kill: nothing of the loop catches it."""


def stop_after(steps, shares):
    """A move that changes nothing, notes how many images it is given, and stops the run after so many steps."""

    def move(images, targets, keys):
        if len(shares) == steps:
            raise Stop
        shares.append(len(images))
        return images, targets

    return move
