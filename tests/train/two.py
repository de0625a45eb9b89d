"""Started by a test, by itself or under torchrun: train, and keep the losses and weights.

python two.py FOLDER NAME [STOP_AFTER_STEPS]
"""

import os
import sys
from pathlib import Path

import torch

from dlsfaces.data import Augmentation
from dlsfaces.recognize import CrossEntropy
from tests.train.easy import Plain, easy_faces, fit, weights


class Stop(Exception):
    pass


def main():
    torch.set_num_threads(1)
    folder, name, stop_after = Path(sys.argv[1]), sys.argv[2], int((*sys.argv[3:], "-1")[0])
    model = Plain(seed=int(os.environ.get("RANK", 0)))  # the main process's weights count
    torch.manual_seed(0)
    augmentation, steps, curve = Augmentation(), [], []

    def augment(images, keys):
        if len(steps) == stop_after:
            raise Stop
        steps.append(len(images))
        return augmentation(images, keys)

    class Noted(CrossEntropy):
        def forward(self, features, identities):
            loss = super().forward(features, identities)
            curve.append(loss.item())
            return loss

    loss = Noted(16, 4)
    try:
        history = fit(model, loss, easy_faces(), epochs=3, lr=0.01, augment=augment, validate=measure,
                      checkpoint=folder / f"{name}.ckpt", save_every=3)  # fmt: skip
    except Stop:
        return
    rank = int(os.environ.get("RANK", 0))
    found = {"history": history, "weights": weights(model, loss), "share": steps, "curve": curve}
    torch.save(found, folder / f"{name}-{rank}.pt")


def measure(model):
    return {"rank": float(os.environ.get("RANK", 0))}


if __name__ == "__main__":
    main()
