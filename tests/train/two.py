"""What the tests have made in two processes, which import it by name."""

import os

import torch

from dlsfaces.data import Augmentation
from dlsfaces.recognize import CrossEntropy
from tests.train.easy import Plain, Stop, StopAfter, fit, small, weights


def rank():
    return int(os.environ.get("RANK", 0))


def measure(model):
    return {"rank": float(rank())}


class Noted(CrossEntropy):
    """Keeps the loss of every step."""

    def __init__(self):
        super().__init__(16, 4)
        self._curve = []

    def forward(self, features, identities):
        loss = super().forward(features, identities)
        self._curve.append(loss.item())
        return loss


def curve(folder, name, checkpoint=None, stop_after=None):
    """Train without batch statistics; each process keeps what it saw in a file of its own."""
    model = Plain(seed=rank())  # the main process's weights count
    torch.manual_seed(0)
    loss, move = Noted(), StopAfter(stop_after)
    options = dict(augment=Augmentation(), move=move, validate=measure, lr=0.01, save_every=3)
    try:
        history = fit(model, loss, **options, checkpoint=folder / (checkpoint or f"{name}.ckpt"))
    except Stop:
        return
    found = dict(history=history, weights=weights(model, loss), shares=move._shares, curve=loss._curve)
    torch.save(found, folder / f"{name}-{rank()}.pt")


def everything(folder):
    curve(folder, "two")
    curve(folder, "moved", checkpoint="begun.ckpt")
    model, loss = small()
    fit(model, loss, epochs=1)
    torch.save(weights(model, loss), folder / f"batch-norm-{rank()}.pt")
    try:
        fit(*small(), batch_size=9)
    except ValueError as error:
        print("a line for the notebook")
        return model, str(error)


def fails(message):
    if rank() == 1:
        raise FloatingPointError(message)
    torch.distributed.init_process_group("gloo")
    torch.distributed.barrier()


def dies():
    os._exit(3)
