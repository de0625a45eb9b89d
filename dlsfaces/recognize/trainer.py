"""Training for the embedding's own sake, with any loss, watched by what an embedding is for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from dlsfaces import data, evaluate, train
from dlsfaces.data import FaceSet
from dlsfaces.recognize.backbones import Backbone
from dlsfaces.recognize.embedding import embed
from dlsfaces.recognize.recipe import Recipe


class EmbeddingScore:
    """How good an embedding is: by the nearest class centre, and by pairs.

    The loss itself does not say: a triplet loss stays where it is while its miner finds ever harder triplets, and a
    margin's is high however well people are told apart.

    Args:
        gallery: images that make the centres, at most ``per_person`` of each, or all where None.
        probe: other images of the same people; their pairs give the TPR at ``fprs``.
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
        first = [(gallery.identities == i).nonzero()[:per_person, 0] for i in gallery.identities.unique()]
        gallery = gallery.subset(torch.cat(first))
        self.gallery, self.probe = gallery.images(image_size), probe.images(image_size)
        self.gallery_identities, self.probe_identities = gallery.identities, probe.identities
        self.fprs, self.mirror = tuple(fprs), mirror

    def __call__(self, model: Backbone) -> dict[str, float]:
        """``"accuracy"`` by the nearest centre, and ``"tpr@FPR"`` for each rate."""
        gallery, probe = (embed(model, images, mirror=self.mirror) for images in (self.gallery, self.probe))
        accuracy = evaluate.nearest_centre_accuracy(gallery, self.gallery_identities, probe, self.probe_identities)
        rate = evaluate.identification_rate(probe, self.probe_identities, None, self.fprs)
        return {"accuracy": accuracy, **{f"tpr@{fpr}": float(tpr) for fpr, tpr in zip(self.fprs, rate.tpr)}}


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
