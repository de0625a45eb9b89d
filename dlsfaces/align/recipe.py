"""The recipe for a landmark network: what chapter 02 builds step by step, as one call for the others."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from dlsfaces import data, evaluate, geometry, train
from dlsfaces.align.landmarks import find_landmarks
from dlsfaces.align.losses import HeatmapLoss, RegressionLoss
from dlsfaces.align.networks import KINDS, LandmarkNet
from dlsfaces.align.squares import LandmarkAugmentation
from dlsfaces.data import Augmentation, FaceSet

#: Changes an image's colours and sharpness, and hides parts of it; :class:`LandmarkAugmentation` moves it.
COLOURS = Augmentation(
    **dict.fromkeys(("flip", "rotation", "zoom", "shift"), 0),
    **dict(brightness=0.4, contrast=0.4, saturation=0.5, tint=0.1, grey=0.4, blur=0.4),
    **dict(coarse=0.1, screen=0.03, grain=0.04),  # a run with three times as much was worse, on old prints too
)


@dataclass(frozen=True)
class LandmarkRecipe:
    """How a landmark network is made and trained."""

    kind: str = "hourglass"  # or "regression"
    size: str = "medium"
    side: int = 64  # of the network's square images, pixels
    epochs: int = 30
    batch_size: int = 32
    lr: float = 0.002
    optimizer: str = "adamw"
    weight_decay: float = 0.01
    rotation: float = 35.0  # this and the next two: see LandmarkAugmentation
    zoom: float = 0.25
    shift: float = 0.08
    augmentation: Augmentation = COLOURS  # of the squares that were cut out
    seed: int = 0  # of the weights, the order and the augmentation

    def network(self, template: Tensor) -> LandmarkNet:
        """A new network that starts from landmarks at the template."""
        if self.kind not in KINDS:
            raise ValueError(f"kind={self.kind!r} is none of {', '.join(KINDS)}")
        return KINDS[self.kind](template, self.size, self.side)

    def loss(self) -> nn.Module:
        """The loss that goes with it."""
        return RegressionLoss() if self.kind == "regression" else HeatmapLoss()

    def landmark_augmentation(self, framing: str) -> LandmarkAugmentation:
        """How squares are cut out of images of a framing."""
        shown = geometry.FRAMINGS[framing]
        box = geometry.face_box(shown.template) / torch.tensor([shown.width, shown.height] * 2)
        return LandmarkAugmentation(tuple(box.tolist()), self.side, self.rotation, self.zoom, self.shift)

    def checkpoint(self, faces: FaceSet, start: LandmarkNet | None = None) -> Path:
        """Where a run of this recipe on these faces, from these weights, is kept."""
        begun = () if start is None else [zlib.crc32(v.cpu().numpy().tobytes()) for v in start.state_dict().values()]
        return train.checkpoint_path(f"landmarks-{self.kind}", faces, (self, begun))


def train_landmarks(
    faces: FaceSet,
    validation: FaceSet,
    recipe: LandmarkRecipe,
    checkpoint: Path | None = None,
    start: LandmarkNet | None = None,
) -> train.Trained:
    """Train a network to find the landmarks of ``faces``, best in the loose framing, which has room around the face.

    ``start`` is a network of the recipe's kind and size whose weights to begin with; it stays as it is. A
    ``checkpoint`` keeps the run: stopped, it goes on from there; finished, it is not run again. The history has
    ``validation_nme``, of tilted faces, by eye distance.
    """
    for given in (faces, validation):
        if given.landmarks is None:
            raise ValueError(f"{given!r} has no landmarks to learn from")
    torch.manual_seed(recipe.seed)
    move, size = recipe.landmark_augmentation(faces.framing), faces.crop_size
    if size[0] >= 3 * recipe.side:  # at half their own size images still show the square at more than its side
        size = (size[0] // 2, size[1] // 2)
    points = _points(faces, size)
    still = move.matrices(torch.full((1, 4), 0.5), size)[0]
    model, loss = recipe.network(geometry.move_points(still, points.nanmean(0)) / recipe.side), recipe.loss()
    if start is not None:
        model.load_state_dict(start.state_dict())
    batches = data.batches(faces, size, recipe.batch_size, shuffle=True, seed=recipe.seed, targets=points)
    options = dict(weight_decay=recipe.weight_decay, optimizer=recipe.optimizer, seed=recipe.seed)
    settings = train.Settings(recipe.epochs, recipe.lr, **options)
    tilted, box = data.unaligned(validation, seed=1), torch.tensor(move.box) * torch.tensor([size[1], size[0]] * 2)
    images, true = tilted.images(size), _points(tilted, size)

    def validate(model: LandmarkNet) -> dict[str, float]:
        return {"validation_nme": evaluate.landmark_score(find_landmarks(model, images, box, looks=1).points, true).nme}

    extras = dict(move=move, augment=recipe.augmentation, validate=validate, checkpoint=checkpoint)
    history = train.fit(model, loss, batches, settings, **extras)
    return train.Trained(model, history, loss)


def _points(faces: FaceSet, size: tuple[int, int]) -> Tensor:
    """Landmarks in pixels of images that are held at a size."""
    return faces.landmarks * torch.tensor([size[1] / faces.crop_size[1], size[0] / faces.crop_size[0]])
