"""The course's recipe: what chapter 03 builds step by step, as one call for the others, and the same for any loss."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from dlsfaces import data, evaluate, train
from dlsfaces.data import Augmentation, FaceSet
from dlsfaces.evaluate.identification import rate_tuple
from dlsfaces.recognize.backbones import Backbone, FaceResNet, embed, features_of
from dlsfaces.recognize.inception import InceptionResnetV1
from dlsfaces.recognize.losses import CrossEntropy

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """How a network is made and trained; the checkpoint of a run is named by all of it."""

    size: str = "medium"  #: of the FaceResNet; or "inception", an InceptionResnetV1
    image_size: tuple[int, int] = (80, 64)
    embedding_dim: int = 256
    epochs: int = 30
    batch_size: int = 128
    lr: float = 0.1
    label_smoothing: float = 0.1
    dropout: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0  #: of the weights, the order and the augmentation

    def __post_init__(self) -> None:
        _ = self.settings  # refuses epochs, lr and seed out of range
        if self.batch_size < 1 or self.embedding_dim < 1 or not 0 <= self.label_smoothing < 1:
            raise ValueError(f"{self}: needs batch_size >= 1, embedding_dim >= 1 and 0 <= label_smoothing < 1")

    def network(self) -> Backbone:
        """A new one, with random weights."""
        if self.size == "inception":
            return InceptionResnetV1(self.embedding_dim, self.dropout, self.image_size)
        return FaceResNet(self.size, self.embedding_dim, self.image_size, self.dropout)

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
    data.check_same_people(faces, validation)
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


class EmbeddingScore:
    """How good an embedding is: by the nearest class centre, and by pairs.

    The loss itself does not say: a triplet loss stays where it is while its miner finds ever harder triplets, and a
    margin's is high however well people are told apart.

    Args:
        gallery: images that make the centres, at most ``per_person`` of each, or all where None.
        probe: other images of the same people; their pairs give the TPR at ``fprs``, NaN where they are too few.
        mirror: average each image's features with its mirror image's.
    """

    def __init__(
        self,
        gallery: FaceSet,
        probe: FaceSet,
        image_size: tuple[int, int],
        *,
        per_person: int | None = 5,
        fprs: Sequence[float] = (0.01, 0.1),
        mirror: bool = False,
    ) -> None:
        data.check_same_people(gallery, probe)
        gallery = gallery.subset(gallery.identities != data.UNKNOWN)
        first = [(gallery.identities == i).nonzero()[:per_person, 0] for i in gallery.identities.unique()]
        gallery = gallery.subset(torch.cat(first))
        self.gallery, self.probe = gallery.images(image_size), probe.images(image_size)
        self.gallery_identities, self.probe_identities = gallery.identities, probe.identities
        self.fprs, self.mirror, self.measured = rate_tuple("fpr", fprs), mirror, []
        for fpr in self.fprs:
            try:
                evaluate.check_pairs(probe.identities, 0, fpr)
                self.measured.append(fpr)
            except ValueError as reason:
                log.warning("%r: TPR at FPR %g will be NaN: %s", probe, fpr, reason)

    def __call__(self, model: Backbone) -> dict[str, float]:
        """``"accuracy"`` by the nearest centre, and ``"tpr@FPR"`` for each rate."""
        gallery, probe = (embed(model, images, mirror=self.mirror) for images in (self.gallery, self.probe))
        accuracy = evaluate.nearest_centre_accuracy(gallery, self.gallery_identities, probe, self.probe_identities)
        row = {"accuracy": accuracy, **{f"tpr@{fpr}": math.nan for fpr in self.fprs}}
        if self.measured:
            rate = evaluate.identification_rate(probe, self.probe_identities, None, self.measured)
            row |= {f"tpr@{fpr}": float(tpr) for fpr, tpr in zip(self.measured, rate.tpr)}
        return row


def train_embedding(
    model: Backbone,
    loss: nn.Module,
    faces: FaceSet,
    validation: FaceSet,
    recipe: Recipe,
    *,
    images_per_person: int | None = None,
    checkpoint: Path | None = None,
) -> train.Trained:
    """Train a network in place with a loss of its embedding; the history has the :class:`EmbeddingScore` of each epoch.

    Args:
        model: new or trained before: several stages are several calls, each with its loss and head.
        loss: features ``(N, D)`` and identities ``(N,)`` to a scalar.
        validation: other images of the same people.
        recipe: its fields of the network and ``label_smoothing`` are not looked at.
        images_per_person: in a batch, for triplets.
        checkpoint: a run that was stopped goes on from it; a finished one is not repeated.
    """
    batches = data.batches(
        faces, recipe.image_size, recipe.batch_size, shuffle=True, seed=recipe.seed, images_per_person=images_per_person
    )
    score = EmbeddingScore(faces, validation, recipe.image_size)
    history = train.fit(
        model, loss, batches, recipe.settings, augment=recipe.augmentation, validate=score, checkpoint=checkpoint
    )
    return train.Trained(model, history, loss)
