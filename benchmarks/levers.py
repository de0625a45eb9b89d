"""What one change of the recipe buys on CelebA-500: a yardstick, and each lever alone.

    python -m benchmarks.levers [--root FOLDER] [--workers 1] [--only NAME ...] [--dry-run]

Judged on the validation images, by which the best recipe (``benchmarks.best_recipe``) was put together. Hours on two
CPU cores, five minutes on a GPU with ``--workers 8``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from benchmarks._record import ROOT, record
from benchmarks._runs import Way, invented_people, together
from dlsfaces import data
from dlsfaces.course import device
from dlsfaces.data import Augmentation, FaceSet
from dlsfaces.recognize import AdaFace, CrossEntropy, EmbeddingScore, FaceResNet, arcface, cosface

PEOPLE, IMAGES_PER_PERSON, SHARDS = (
    200,
    28,
    tuple(range(1, 10)),
)  #: synthetic people, of whom 20 images each are learned
LOSSES = {"cross_entropy": CrossEntropy, "arcface": arcface, "cosface": cosface, "adaface": AdaFace}


@dataclass(frozen=True)
class Lever:
    """One training; what is not given is the yardstick's."""

    loss: str = "cosface"
    options: Mapping[str, float] = field(default_factory=lambda: {"margin": 0.35, "scale": 30.0})
    network: Mapping[str, object] = field(default_factory=dict)
    way: Way = field(default_factory=lambda: Way(40))
    image_size: tuple[int, int] = (80, 64)
    invented_first: bool = False

    def fit(self, model: FaceResNet, faces: FaceSet, way: Way) -> None:
        """Train with the lever's loss."""
        way.train(
            model, LOSSES[self.loss](model.embedding_dim, len(faces.people), **self.options), faces, self.image_size
        )


INVENTED = Way(8, batch_size=256, augmentation=Augmentation.strong())
HEAVY = Augmentation(cutout=0.6, max_hole=0.5, rotation=15, zoom=0.2, shift=0.08)
LEVERS = {
    "yardstick: CosFace 0.35, medium network, 80x64, 40 epochs": Lever(),
    "cross-entropy": Lever(loss="cross_entropy", options={"label_smoothing": 0.1}),
    "ArcFace 0.5 from the first step": Lever(loss="arcface", options={"margin": 0.5, "scale": 30.0}),
    "AdaFace 0.4": Lever(loss="adaface", options={"margin": 0.4, "scale": 30.0}),
    "a smaller margin, 0.2": Lever(options={"margin": 0.2, "scale": 30.0}),
    "batches of 64": Lever(way=Way(40, batch_size=64)),
    "dropout 0.3": Lever(network={"dropout": 0.3}),
    "strong augmentation": Lever(way=Way(40, augmentation=Augmentation.strong())),
    "larger holes, turns, zooms, shifts": Lever(way=Way(40, augmentation=HEAVY)),
    "three times the epochs": Lever(way=Way(120)),
    "a large network, 11 million weights": Lever(network={"size": "large"}),
    "112x92 pixels": Lever(image_size=(112, 92)),
    "a stem that keeps the image's size": Lever(network={"stem_stride": 1}),
    "first 8 epochs of 1,800 invented people": Lever(invented_first=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="the folder that holds CelebA-500")
    parser.add_argument("--workers", type=int, default=1, help="trainings at a time")
    parser.add_argument("--only", nargs="*", default=list(LEVERS), help="names of levers; a part is not recorded")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    rows = dict(zip(chosen.only, together(pulled, [(name, chosen.root) for name in chosen.only], chosen.workers)))
    figures = {f"{name}/{figure}": value for name, row in rows.items() for figure, value in row.items()}
    if chosen.dry_run or rows.keys() != LEVERS.keys():  # a part would take the place of the whole record
        print(figures)
        return
    record("levers", figures, "python -m benchmarks.levers", notes=NOTES)


NOTES = [
    "accuracy: validation images of CelebA-500, nearest class centre of all training images; pairs/: TPR over "
    "pairs of validation images, so of people it was trained on. Mirrored images. One seed.",
]


def pulled(run: tuple[str, str]) -> dict[str, float]:
    """Train with one lever and measure on the validation images."""
    name, root = run
    lever = LEVERS[name]
    faces, validation = (data.load("celeba500", split, root) for split in ("train", "validation"))
    torch.manual_seed(0)
    model = FaceResNet(**{"size": "medium", "image_size": lever.image_size, **lever.network})
    if lever.invented_first:
        lever.fit(model, invented_people(SHARDS, PEOPLE, IMAGES_PER_PERSON), INVENTED)
    lever.fit(model, faces, lever.way)
    score = EmbeddingScore(faces, validation, lever.image_size, per_person=None, mirror=True)
    found = score(model.to(device()))
    return {"accuracy": found["accuracy"], **{f"pairs/{k}": v for k, v in found.items() if k != "accuracy"}}


if __name__ == "__main__":
    main()
