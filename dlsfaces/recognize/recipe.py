"""The course's recipe for a classifier of people: what chapter 03 builds step by step, as one call for the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

import dlsfaces
from dlsfaces import data, evaluate, train
from dlsfaces.data import Augmentation, FaceSet, folders
from dlsfaces.recognize.backbones import FaceResNet
from dlsfaces.recognize.embedding import features_of
from dlsfaces.recognize.losses import CrossEntropy
from dlsfaces.train import checkpoints


@dataclass(frozen=True)
class Recipe:
    """How a network is made and trained; the checkpoint of a run is named by all of it.

    Attributes:
        network: size of the :class:`FaceResNet`.
        image_size: ``(height, width)`` of the images.
        embedding_dim: length of the features.
        epochs, batch_size, lr, label_smoothing, dropout: as in :func:`dlsfaces.train.fit` and the modules.
        augmentation: see :class:`dlsfaces.data.Augmentation`.
        seed: of the weights, the order and the augmentation.
    """

    network: str = "medium"
    image_size: tuple[int, int] = (80, 64)
    embedding_dim: int = 256
    epochs: int = 30
    batch_size: int = 128
    lr: float = 0.1
    label_smoothing: float = 0.1
    dropout: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0

    def checkpoint(self, faces: FaceSet, loss: str = "cross_entropy", settings: Sequence[object] = ()) -> Path:
        """Where a run of this recipe on these faces is kept.

        Args:
            loss: its name.
            settings: what else the run depends on; told apart by their ``repr``.
        """
        version = [dlsfaces.__version__, checkpoints.FORMAT]
        what = [*version, repr(self), faces.framing, list(faces.files), faces.identities.tolist(), *map(repr, settings)]
        digest = hashlib.sha256(json.dumps(what).encode())
        a_few = range(0, len(faces), max(1, len(faces) // 8))  # pictures may change under the same names
        digest.update(faces.read(a_few, self.image_size).numpy().tobytes())
        return folders.cache_folder() / "runs" / f"{loss}-{faces.name}-{digest.hexdigest()[:12]}.pt"


def train_cross_entropy(
    faces: FaceSet, validation: FaceSet, recipe: Recipe, checkpoint: Path | None = None
) -> tuple[FaceResNet, CrossEntropy, train.History]:
    """Train a network from scratch to tell the people of ``faces`` apart.

    Args:
        faces: whom to train on; ``validation`` holds other pictures of the same people.
        checkpoint: a file that keeps the run: stopped, it goes on from there; finished, it is not run again.
    Returns:
        The network, the loss with its head, and the history with ``validation_accuracy`` each epoch.
    """
    torch.manual_seed(recipe.seed)
    model = FaceResNet(recipe.network, recipe.embedding_dim, recipe.image_size, recipe.dropout)
    loss = CrossEntropy(recipe.embedding_dim, len(faces.people), recipe.label_smoothing)
    batches = data.batches(faces, recipe.image_size, recipe.batch_size, shuffle=True, seed=recipe.seed)
    images = validation.images(recipe.image_size)

    def validate(model: FaceResNet) -> dict[str, float]:
        logits = loss.logits(features_of(model, images).to(loss.head.weight.device))
        return {"validation_accuracy": evaluate.accuracy(logits, validation.identities)}

    history = train.fit(
        model,
        loss,
        batches,
        epochs=recipe.epochs,
        lr=recipe.lr,
        augment=recipe.augmentation,
        validate=validate,
        checkpoint=checkpoint,
        seed=recipe.seed,
    )
    return model, loss, history
