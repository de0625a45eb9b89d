"""Started by a test: ``python killed.py FOLDER MOMENT...`` trains in processes that are killed, then once to the end.

A moment is the number of a step in its process, or write:N, in the middle of its Nth write of a checkpoint.
"""

import os
import signal
import sys
from pathlib import Path

import torch

from dlsfaces.data import Augmentation
from dlsfaces.train import checkpoints
from tests.train.easy import fit, small, weights

save, augmentation = torch.save, Augmentation()


def run(path, moment=""):
    """Train, and be killed at the moment."""
    torch.set_num_threads(1)
    steps, writes = [], []

    def die_at(now):
        if now == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def augment(images, keys):
        die_at(str(len(steps)))
        steps.append(1)
        return augmentation(images, keys)

    def half(state, part):
        save(state, part)
        if f"write:{len(writes)}" == moment:
            os.truncate(part, os.path.getsize(part) // 2)
        die_at(f"write:{len(writes)}")
        writes.append(1)

    checkpoints.torch.save = half
    model, loss = small(dropout=0.3)  # dropout draws from torch's own generator
    history = fit(model, loss, epochs=4, augment=augment, checkpoint=path, save_every=2)
    return history, weights(model, loss)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for moment in sys.argv[2:]:
        child = os.fork()
        if child == 0:
            run(folder / "last.pt", moment)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, f"not killed at {moment}"
    save((run(folder / "last.pt"), run(folder / "never.pt")), folder / "both.pt")
