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
    """How good an embedding is, for any loss: by the nearest class centre, and by pairs.

    The loss itself does not say: a triplet loss stays where it is while its miner finds ever harder triplets, and a
    margin's is high however well people are told apart.

    Args:
        known: pictures from which the centres are made, at most ``per_person`` of each, or all where None.
        pictures: others of the same people.
        image_size: ``(height, width)``.
        fprs: at which the TPR over pairs of ``pictures`` is measured.
        mirror: average each picture's features with its mirror image's.
    """

    def __init__(
        self,
        known: FaceSet,
        pictures: FaceSet,
        image_size: tuple[int, int],
        *,
        per_person: int | None = 5,
        fprs: Sequence[float] = (0.01, 0.1),
        mirror: bool = False,
    ) -> None:
        first = [(known.identities == i).nonzero()[:per_person, 0] for i in known.identities.unique()]
        chosen = known.subset(torch.cat(first))
        self.known, self.pictures = chosen.images(image_size), pictures.images(image_size)
        self.known_identities, self.identities = chosen.identities, pictures.identities
        self.fprs, self.mirror = tuple(fprs), mirror

    def __call__(self, model: Backbone) -> dict[str, float]:
        """``"accuracy"`` by the nearest centre, and ``"tpr@FPR"`` for each rate."""
        known, pictures = (embed(model, images, mirror=self.mirror) for images in (self.known, self.pictures))
        accuracy = evaluate.nearest_centre_accuracy(known, self.known_identities, pictures, self.identities)
        rate = evaluate.identification_rate(pictures, self.identities, None, self.fprs)
        return {"accuracy": accuracy, **{f"tpr@{fpr}": float(tpr) for fpr, tpr in zip(self.fprs, rate.tpr)}}


def train_embedding(
    model: Backbone,
    loss: nn.Module,
    faces: FaceSet,
    validation: FaceSet,
    recipe: Recipe,
    *,
    pictures_per_person: int | None = None,
    checkpoint: Path | None = None,
) -> train.History:
    """Train a network in place with a loss of its embedding.

    Args:
        model: a network, new or trained before: a recipe of several stages is several calls. A loss with a head has
            its own; to cut a head off is to give another loss.
        loss: features ``(N, D)`` and identities ``(N,)`` to a scalar.
        faces: whom to train on; ``validation`` holds other pictures of the same people.
        recipe: of its fields those of the network and ``label_smoothing`` are not looked at.
        pictures_per_person: for triplets; see :func:`dlsfaces.data.batches`.
        checkpoint: a file that keeps the run: stopped, it goes on from there; finished, it is not run again.
    Returns:
        The history with ``accuracy`` and TPR on the validation pictures each epoch; see :class:`EmbeddingScore`.
    """
    return train.fit(
        model,
        loss,
        data.batches(
            faces,
            recipe.image_size,
            recipe.batch_size,
            shuffle=True,
            seed=recipe.seed,
            pictures_per_person=pictures_per_person,
        ),
        epochs=recipe.epochs,
        lr=recipe.lr,
        augment=recipe.augmentation,
        validate=EmbeddingScore(faces, validation, recipe.image_size),
        checkpoint=checkpoint,
        seed=recipe.seed,
    )
