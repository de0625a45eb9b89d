"""The course's recipe for a landmark network: what chapter 02 builds step by step, as one call for the others."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

import dlsfaces
from dlsfaces import data, evaluate, geometry, rng, train
from dlsfaces.align.losses import HeatmapLoss, RegressionLoss
from dlsfaces.align.networks import KINDS, LandmarkNet
from dlsfaces.align.squares import Wobble, framing_box
from dlsfaces.data import Augmentation, FaceSet, folders
from dlsfaces.train import checkpoints

#: What makes an aligned picture's colours and sharpness vary, and hides parts of it; :class:`Wobble` moves it.
COLOURS = Augmentation(
    flip=0, rotation=0, zoom=0, shift=0, brightness=0.4, contrast=0.4, saturation=0.5, tint=0.1, grey=0.3, blur=0.4
)


@dataclass(frozen=True)
class LandmarkRecipe:
    """How a landmark network is made and trained; the checkpoint of a run is named by all of it.

    Attributes:
        kind: ``"regression"`` or ``"hourglass"``.
        size: of the network.
        image_size: side of its images.
        epochs, batch_size, lr, optimizer, weight_decay: as in :func:`dlsfaces.train.fit`.
        rotation, zoom, shift: see :class:`Wobble`.
        augmentation: of what the wobble has cut out.
        seed: of the weights, the order and the augmentation.
    """

    kind: str = "hourglass"
    size: str = "medium"
    image_size: int = 64
    epochs: int = 30
    batch_size: int = 32
    lr: float = 0.002
    optimizer: str = "adamw"
    weight_decay: float = 0.01
    rotation: float = 35.0
    zoom: float = 0.25
    shift: float = 0.08
    augmentation: Augmentation = field(default_factory=lambda: COLOURS)
    seed: int = 0

    def network(self, template: Tensor) -> LandmarkNet:
        """A new network."""
        if self.kind not in KINDS:
            raise ValueError(f"kind={self.kind!r} is none of {', '.join(KINDS)}")
        return KINDS[self.kind](template, self.size, self.image_size)

    def loss(self) -> torch.nn.Module:
        """The loss that goes with it."""
        return RegressionLoss() if self.kind == "regression" else HeatmapLoss()

    def wobble(self, framing: str) -> Wobble:
        """How squares are cut out of pictures of a framing."""
        shown = geometry.FRAMINGS[framing]
        box = framing_box(shown) / torch.tensor([shown.width, shown.height] * 2)
        return Wobble(tuple(box.tolist()), self.image_size, self.rotation, self.zoom, self.shift)

    def checkpoint(self, faces: FaceSet, start: LandmarkNet | None = None) -> Path:
        """Where a run of this recipe on these faces, from these weights, is kept."""
        version = [dlsfaces.__version__, checkpoints.FORMAT]
        digest = hashlib.sha256(json.dumps([*version, repr(self), faces.framing, list(faces.files)]).encode())
        if faces.landmarks is not None:  # without, train_landmarks says what is missing
            digest.update(faces.landmarks.numpy().tobytes())
        for value in () if start is None else start.state_dict().values():
            digest.update(value.cpu().numpy().tobytes())
        a_few = range(0, len(faces), max(1, len(faces) // 8))  # pictures may change under the same names
        digest.update(faces.read(a_few, None).numpy().tobytes())
        return folders.cache_folder() / "runs" / f"landmarks-{self.kind}-{faces.name}-{digest.hexdigest()[:12]}.pt"


def train_landmarks(
    faces: FaceSet,
    validation: FaceSet,
    recipe: LandmarkRecipe,
    checkpoint: Path | None = None,
    start: LandmarkNet | None = None,
) -> tuple[LandmarkNet, train.History]:
    """Train a network to find the landmarks of ``faces``.

    Args:
        faces: a set with landmarks, best in the loose framing, which has room around the face; NaN where unknown.
        validation: others, of the same framing.
        checkpoint: a file that keeps the run: stopped, it goes on from there; finished, it is not run again.
        start: a network of the recipe's kind and size whose weights to begin with; it stays as it is.
    Returns:
        The network, and the history with ``validation_nme`` (of tilted squares, by eye distance) each epoch.
    Raises:
        ValueError: a set without landmarks.
    """
    for given in (faces, validation):
        if given.landmarks is None:
            raise ValueError(f"{given!r} has no landmarks to learn from")
    torch.manual_seed(recipe.seed)
    wobble, size = recipe.wobble(faces.framing), _source_size(faces, recipe.image_size)
    points = _points(faces, size)
    model = recipe.network(_template(points, wobble, size))
    if start is not None:
        model.load_state_dict(start.state_dict())
    batches = data.batches(faces, size, recipe.batch_size, shuffle=True, seed=recipe.seed, targets=points)
    squares, true = _fixed_squares(validation, wobble, size)

    def validate(model: LandmarkNet) -> dict[str, float]:
        found = squares_landmarks(model, squares)
        return {"validation_nme": evaluate.landmark_score(found, true).nme}

    history = train.fit(
        model,
        recipe.loss(),
        batches,
        epochs=recipe.epochs,
        lr=recipe.lr,
        optimizer=recipe.optimizer,
        weight_decay=recipe.weight_decay,
        move=wobble,
        augment=recipe.augmentation,
        validate=validate,
        checkpoint=checkpoint,
        seed=recipe.seed,
    )
    return model, history


def _source_size(faces: FaceSet, side: int) -> tuple[int, int]:
    """The size at which pictures are held: half their own, where that still shows the square at more than its side."""
    height, width = faces.crop_size
    return (height // 2, width // 2) if height >= 3 * side else (height, width)


def _points(faces: FaceSet, size: tuple[int, int]) -> Tensor:
    """Landmarks in pixels of pictures that are held at a size."""
    return faces.landmarks * torch.tensor([size[1] / faces.crop_size[1], size[0] / faces.crop_size[0]])


def _template(points: Tensor, wobble: Wobble, size: tuple[int, int]) -> Tensor:
    """Where landmarks lie on average in squares that no wobble has moved, as shares of the side."""
    matrix = wobble.matrices(torch.full((1, 4), 0.5), size)[0]
    return geometry.move_points(matrix, points.nanmean(0)) / wobble.side


def _fixed_squares(faces: FaceSet, wobble: Wobble, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The same tilted squares each time, and their landmarks in pixels."""
    points = _points(faces, size)
    keys = rng.key(1, torch.arange(len(faces)))
    parts = [
        wobble(faces.read(range(k, min(k + 256, len(faces))), size), points[k : k + 256], keys[k : k + 256])
        for k in range(0, len(faces), 256)
    ]
    squares, shares = (torch.cat(part) for part in zip(*parts))
    return squares, shares * wobble.side


@torch.no_grad()
def squares_landmarks(model: LandmarkNet, squares: Tensor, batch_size: int = 256) -> Tensor:
    """Points ``(N, P, 2)`` in pixels of squares ``(N, 3, side, side)``, one look each, on the CPU."""
    was_training, device = model.training, model.template.device
    model.eval()
    found = torch.cat([model.find(part.to(device)).points.cpu() for part in squares.split(batch_size)])
    model.train(was_training)
    return found
