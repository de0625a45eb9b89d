"""The course's recipe for a classifier of people: what chapter 03 builds step by step, as one call for the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from dlsfaces import data, evaluate, train
from dlsfaces.data import Augmentation, FaceSet
from dlsfaces.recognize.backbones import FaceResNet
from dlsfaces.recognize.embedding import features_of
from dlsfaces.recognize.losses import CrossEntropy


@dataclass(frozen=True)
class Recipe:
    """How a network is made and trained; the checkpoint of a run is named by all of it."""

    size: str = "medium"  #: of the FaceResNet
    image_size: tuple[int, int] = (80, 64)
    embedding_dim: int = 256
    epochs: int = 30
    batch_size: int = 128
    lr: float = 0.1
    label_smoothing: float = 0.1
    dropout: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0  #: of the weights, the order and the augmentation

    @property
    def settings(self) -> train.Settings:
        """Those of the training loop."""
        return train.Settings(self.epochs, lr=self.lr, seed=self.seed)

    def checkpoint(self, faces: FaceSet, loss: str = "cross_entropy", more: object = ()) -> Path:
        """Where a run of this recipe is kept; ``more`` is what else it depends on, told by its ``repr``."""
        return train.checkpoint_path(loss, faces, (self, more))


def train_cross_entropy(
    faces: FaceSet, validation: FaceSet, recipe: Recipe, checkpoint: Path | None = None
) -> train.Trained:
    """Train a network from scratch to tell the people of ``faces`` apart.

    ``validation`` holds other images of the same people; the history has the ``validation_accuracy`` of each epoch. A
    run that was stopped goes on from its ``checkpoint``; a finished one is not repeated.
    """
    torch.manual_seed(recipe.seed)
    model = FaceResNet(recipe.size, recipe.embedding_dim, recipe.image_size, recipe.dropout)
    loss = CrossEntropy(recipe.embedding_dim, len(faces.people), recipe.label_smoothing)
    batches = data.batches(faces, recipe.image_size, recipe.batch_size, shuffle=True, seed=recipe.seed)
    images = validation.images(recipe.image_size)

    def validate(model: FaceResNet) -> dict[str, float]:
        logits = loss.logits(features_of(model, images).to(loss.head.weight.device))
        return {"validation_accuracy": evaluate.accuracy(logits, validation.identities)}

    history = train.fit(
        model, loss, batches, recipe.settings, augment=recipe.augmentation, validate=validate, checkpoint=checkpoint
    )
    return train.Trained(model, history, loss)
