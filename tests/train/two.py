"""What the tests have made in two processes, which import it by name."""

import os

import torch
from torch import nn

from dlsfaces.data import Augmentation
from dlsfaces.recognize import AdaFace, CrossEntropy
from tests.train.easy import Stop, fit, small, stop_after, weights


def rank():
    return int(os.environ.get("RANK", 0))


def plain(folder, name, checkpoint, steps=None):
    """Train without batch statistics; each process keeps in a file of its own what it saw."""
    torch.manual_seed(rank())  # the main process's weights count
    model = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.GroupNorm(2, 8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 225, 16))
    torch.manual_seed(0)
    loss, shares = CrossEntropy(16, 4), []
    options = dict(augment=Augmentation(), move=stop_after(steps, shares), lr=0.01, save_every=3)
    try:
        history = fit(model, loss, validate=lambda m: {"rank": rank()}, checkpoint=folder / checkpoint, **options)
        torch.save((history, weights(model, loss), shares), folder / f"{name}-{rank()}.pt")
    except Stop:
        pass


def everything(folder):
    plain(folder, "two", "two.ckpt")
    plain(folder, "moved", "begun.ckpt")
    model, loss = small()[0], AdaFace(16, 4)
    fit(model, loss, epochs=1)
    torch.save(weights(model, loss), folder / f"batch-norm-{rank()}.pt")
    try:
        fit(*small(), batch_size=9)
    except ValueError as error:
        print("a line for the notebook")
        return model, str(error)
