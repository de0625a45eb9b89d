"""The same network, images and number of steps under every loss of the course, so that they can be compared."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import nn

from dlsfaces.data import FaceSet
from dlsfaces.recognize.backbones import Backbone
from dlsfaces.recognize.losses import CrossEntropy
from dlsfaces.recognize.margins import AdaFace, arcface, cosface
from dlsfaces.recognize.recipe import Recipe, train_embedding
from dlsfaces.recognize.triplet import Triplet, WeightedSum
from dlsfaces.train import History, Trained

HEADS = {"cosface": cosface, "arcface": arcface, "adaface": AdaFace}
IMAGES_PER_PERSON = 4  #: in a batch, where there are triplets


@dataclass(frozen=True)
class Stage:
    """A part of a training, with one loss: a head's, a triplet loss, or the sum of both."""

    head: str | None = None  #: "cross_entropy", "cosface", "arcface" or "adaface"
    mining: str | None = None  #: of the triplet loss
    margin: float = 0.0  #: the head's, in its own unit
    scale: float = 30.0  #: of a head of cosines
    warmup: float = 0.0  #: share of the stage's steps in which the head's margin grows
    share: float = 1.0  #: of all epochs
    lr: float = 1.0  #: as a multiple of the recipe's
    smoothing: float = 0.1  #: of cross-entropy's labels
    projection_only: bool = False  #: all but the last linear layer, and its normalisation, stay as they are

    def loss(self, embedding_dim: int, n_people: int, steps: int) -> nn.Module:
        """A new loss, for a stage of so many steps."""
        if self.head is None:
            return Triplet(mining=self.mining)
        if self.head == "cross_entropy":
            head = CrossEntropy(embedding_dim, n_people, label_smoothing=self.smoothing)
        else:
            warmup_steps = round(self.warmup * steps)
            head = HEADS[self.head](embedding_dim, n_people, self.margin, self.scale, warmup_steps=warmup_steps)
        return head if self.mining is None else WeightedSum((1.0, head), (1.0, Triplet(mining=self.mining)))


LOSS_RECIPES: dict[str, tuple[Stage, ...]] = {
    "cross_entropy": (Stage("cross_entropy"),),
    "cross_entropy_unsmoothed": (Stage("cross_entropy", smoothing=0.0),),
    "triplet_random": (Stage(mining="random"),),
    "triplet_semihard": (Stage(mining="semihard"),),
    "triplet_batch_hard": (Stage(mining="batch_hard"),),
    "cross_entropy_then_triplet": (Stage("cross_entropy", share=0.5), Stage(mining="batch_hard", share=0.5, lr=0.3)),
    "classify_then_triplet": (  # as Parkhi et al. 2015, section 4.4
        Stage("cross_entropy", share=0.5),
        Stage(mining="batch_hard", share=0.5, lr=0.3, projection_only=True),
    ),
    "normalised_softmax": (Stage("cosface", margin=0.0),),
    "cosface": (Stage("cosface", margin=0.35),),
    "arcface": (Stage("arcface", margin=0.5, warmup=0.5),),
    "arcface_triplet": (Stage("arcface", mining="batch_hard", margin=0.5, warmup=0.5),),
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
    """Train a network with a loss of :data:`LOSS_RECIPES`, or with ``stages`` of your own under any name.

    The recipe's epochs are shared out among the stages. With ``keep`` there are checkpoints, and a finished run is not
    repeated. Returns the network, the rows of all epochs (see :func:`train_embedding`), and the last loss.
    """
    if stages is None and name not in LOSS_RECIPES:
        raise ValueError(f"{name!r} is no loss recipe: {', '.join(LOSS_RECIPES)}")
    stages = LOSS_RECIPES[name] if stages is None else tuple(stages)
    torch.manual_seed(recipe.seed)
    model = recipe.network()
    history: History = []
    for number, stage in enumerate(stages):
        part = replace(recipe, epochs=max(1, round(recipe.epochs * stage.share)), lr=recipe.lr * stage.lr)
        steps = part.epochs * max(1, len(faces) // part.batch_size)
        loss = stage.loss(recipe.embedding_dim, len(faces.people), steps)
        per_person = None if stage.mining is None else IMAGES_PER_PERSON
        more = recipe, stages[: number + 1], keep and validation.checksum()
        path = part.checkpoint(faces, name, more) if keep else None
        with _body_at_rest(model) if stage.projection_only else nullcontext():
            options = dict(images_per_person=per_person, checkpoint=path)
            history += train_embedding(model, loss, faces, validation, part, **options).history
    return Trained(model, history, loss)


class Frozen(torch.nn.Sequential):
    """Layers that do not learn: no gradients, and batch normalisation keeps its means and variances."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self.requires_grad_(False)

    def train(self, mode: bool = True) -> "Frozen":
        return super().train(False)


@contextmanager
def _body_at_rest(model: Backbone) -> Iterator[None]:
    """Only the network's last linear layer and its batch normalisation learn."""
    body = model.body
    model.body = nn.Sequential(Frozen(*body[:-2]), *body[-2:])
    try:
        yield
    finally:
        model.body = body.requires_grad_()
