"""Started by a test: run a training over and over in processes that are killed, then once to the end.

python killed.py FOLDER MOMENT...       a moment is STEP, or write:N, in the middle of the Nth write of a checkpoint
"""

import os
import signal
import sys
from pathlib import Path

import torch

from dlsfaces.data import Augmentation
from dlsfaces.train import checkpoints
from tests.train.easy import fit, small, weights


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def run(folder, moment, checkpoint="last.pt"):
    """Train, and be killed at the moment: the number of a step in this process, or of a write."""
    torch.set_num_threads(1)
    augmentation, steps, writes = Augmentation(), [], []
    kind, _, number = moment.rpartition(":")

    def augment(images, keys):
        if kind == "" and number and len(steps) == int(number):
            die()
        steps.append(1)
        return augmentation(images, keys)

    save = torch.save

    def half(state, path):
        save(state, path)
        if kind == "write" and len(writes) == int(number):
            os.truncate(path, os.path.getsize(path) // 2)
            die()
        writes.append(1)

    checkpoints.torch.save = half
    model, loss = small(dropout=0.3)  # dropout draws from torch's own generator
    history = fit(model, loss, epochs=4, augment=augment, checkpoint=folder / checkpoint, save_every=2)
    checkpoints.torch.save = save
    return history, weights(model, loss)


def main():
    folder, moments = Path(sys.argv[1]), sys.argv[2:]
    for moment in moments:
        child = os.fork()
        if child == 0:
            run(folder, moment)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"not killed at {moment}: {status}"
    torch.save({"killed": run(folder, ""), "never": run(folder, "", "never.pt")}, folder / "both.pt")


if __name__ == "__main__":
    main()
