"""The same network, images and number of steps under every loss of the course, so that they can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from dlsfaces.data import FaceSet
from dlsfaces.recognize.backbones import FaceResNet
from dlsfaces.recognize.losses import CrossEntropy
from dlsfaces.recognize.margins import AdaFace, arcface, cosface
from dlsfaces.recognize.recipe import Recipe
from dlsfaces.recognize.trainer import train_embedding
from dlsfaces.recognize.triplet import Triplet, WeightedSum
from dlsfaces.train import History, Trained

HEADS = {"cosface": cosface, "arcface": arcface, "adaface": AdaFace}
IMAGES_PER_PERSON = 4  #: in a batch, where there are triplets


@dataclass(frozen=True)
class Stage:
    """A part of a training, with one loss.

    Attributes:
        head: ``"cross_entropy"``, ``"cosface"``, ``"arcface"``, ``"adaface"``, or None.
        mining: of a triplet loss, which is added to the head's where there is one; or None.
        margin: the head's, in its own unit.
        scale: of a head of cosines.
        warmup: share of the stage's steps in which a head's margin grows.
        share: of all epochs.
        lr: as a multiple of the recipe's.
    """

    head: str | None = None
    mining: str | None = None
    margin: float = 0.0
    scale: float = 30.0
    warmup: float = 0.0
    share: float = 1.0
    lr: float = 1.0

    def loss(self, embedding_dim: int, n_people: int, steps: int) -> nn.Module:
        """The loss of so many steps."""
        if self.head is None:
            return Triplet(mining=self.mining)
        if self.head == "cross_entropy":
            head = CrossEntropy(embedding_dim, n_people, label_smoothing=0.1)
        else:
            warmup_steps = round(self.warmup * steps)
            head = HEADS[self.head](embedding_dim, n_people, self.margin, self.scale, warmup_steps=warmup_steps)
        return head if self.mining is None else WeightedSum((1.0, head), (1.0, Triplet(mining=self.mining)))


#: The stages by name.
LOSS_RECIPES: dict[str, tuple[Stage, ...]] = {
    "cross_entropy": (Stage("cross_entropy"),),
    "triplet_random": (Stage(mining="random"),),
    "triplet_semihard": (Stage(mining="semihard"),),
    "triplet_batch_hard": (Stage(mining="batch_hard"),),
    "cross_entropy_then_triplet": (
        Stage("cross_entropy", share=0.5),
        Stage(mining="batch_hard", share=0.5, lr=0.3),
    ),
    "cosface": (Stage("cosface", margin=0.35),),
    "arcface": (Stage("arcface", margin=0.5, warmup=1.0),),
    "arcface_triplet": (Stage("arcface", mining="batch_hard", margin=0.5, warmup=1.0),),
    "adaface": (Stage("adaface", margin=0.4),),
}


def train_loss_recipe(
    name: str,
    faces: FaceSet,
    validation: FaceSet,
    recipe: Recipe,
    *,
    stages: Sequence[Stage] | None = None,
    keep: bool = True,
) -> Trained:
    """Train a network with one of the losses; a run that this machine has finished before is not run again.

    Args:
        name: a key of :data:`LOSS_RECIPES`; with ``stages`` any.
        recipe: of all of them; its epochs are shared out among the stages.
        stages: of a loss that is not in the list.
        keep: whether checkpoints are written and looked for.
    Returns:
        The network, the rows of all epochs (see :func:`dlsfaces.recognize.train_embedding`), and the last loss.
    Raises:
        ValueError: an unknown name.
    """
    if stages is None and name not in LOSS_RECIPES:
        raise ValueError(f"{name!r} is no loss recipe: {', '.join(LOSS_RECIPES)}")
    stages = LOSS_RECIPES[name] if stages is None else tuple(stages)
    torch.manual_seed(recipe.seed)
    model = FaceResNet(recipe.size, recipe.embedding_dim, recipe.image_size, recipe.dropout)
    history: History = []
    for number, stage in enumerate(stages):
        part = replace(recipe, epochs=max(1, round(recipe.epochs * stage.share)), lr=recipe.lr * stage.lr)
        steps = part.epochs * max(1, len(faces) // part.batch_size)
        loss = stage.loss(recipe.embedding_dim, len(faces.people), steps)
        trained = train_embedding(
            model,
            loss,
            faces,
            validation,
            part,
            images_per_person=None if stage.mining is None else IMAGES_PER_PERSON,
            checkpoint=part.checkpoint(faces, name, stages[: number + 1]) if keep else None,
        )
        history += trained.history
    return Trained(model, history, loss)
