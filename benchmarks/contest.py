"""Chapter 06's contest: one small network, 300 built-in people, the same number of steps under every loss, three seeds.

    python -m benchmarks.contest [--workers 1] [--seeds 0 1 2] [--train-only] [--dry-run]

Trained networks are kept in the cache, and those that are there are not trained again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from benchmarks._record import record
from benchmarks._runs import FPRS, rates, together
from dlsfaces import data, evaluate, recognize
from dlsfaces.data import FaceSet
from dlsfaces.evaluate.bootstrap import person_bootstrap
from dlsfaces.evaluate.identification import resampled
from dlsfaces.evaluate.pairs import PairScores

SEEDS = (0, 1, 2)
RECIPE = recognize.Recipe(size="small", image_size=(40, 32), embedding_dim=128, epochs=24, batch_size=64)
PEOPLE = dict(people=300, images_per_person=20)
STRANGERS = dict(people=300, images_per_person=20, seed=9)  # and a fifth as many distractors, other people again
NAMES = (
    "cross_entropy", "cross_entropy_unsmoothed", "normalised_softmax", "normalised_softmax_16", "cosface",
    "cosface_16", "arcface", "adaface", "arcface_triplet", "triplet_random", "triplet_semihard", "triplet_batch_hard",
    "cross_entropy_then_triplet", "classify_then_triplet",
)  # fmt: skip
STAGES = {  # beside LOSS_RECIPES, or instead of it
    "normalised_softmax_16": (recognize.Stage("cosface", margin=0.0, scale=16.0),),
    "cosface_16": (recognize.Stage("cosface", margin=0.35, scale=16.0),),
    "triplet_batch_hard": (recognize.Stage(mining="batch_hard", lr=0.3),),  # at the full learning rate they collapse
}
DIFFERENCES = (  # scale, margin, against cross-entropy, AdaFace, triplets
    ("normalised_softmax_16", "normalised_softmax"), ("cosface_16", "cosface"),
    ("cosface", "normalised_softmax"), ("arcface", "normalised_softmax"), ("cosface_16", "normalised_softmax_16"),
    ("cosface", "normalised_softmax_16"), ("arcface", "normalised_softmax_16"), ("cosface_16", "arcface"),
    ("adaface", "cosface"),
    ("cross_entropy", "cross_entropy_unsmoothed"), ("normalised_softmax", "cross_entropy"),
    ("normalised_softmax", "cross_entropy_unsmoothed"), ("normalised_softmax_16", "cross_entropy"),
    ("normalised_softmax_16", "cross_entropy_unsmoothed"), ("cosface", "cross_entropy"),
    ("cosface", "cross_entropy_unsmoothed"), ("cosface_16", "cross_entropy_unsmoothed"), ("arcface", "cross_entropy"),
    ("arcface", "cross_entropy_unsmoothed"),
    ("arcface_triplet", "arcface"), ("triplet_batch_hard", "triplet_semihard"), ("triplet_semihard", "cross_entropy"),
    ("triplet_batch_hard", "cross_entropy"), ("cross_entropy_then_triplet", "cross_entropy"),
    ("classify_then_triplet", "cross_entropy_then_triplet"),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1, help="trainings at a time")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*SEEDS], help="of the trainings")
    parser.add_argument("--names", nargs="+", default=[*NAMES], choices=NAMES, help="of the losses, for a trial")
    parser.add_argument("--train-only", action="store_true", help="train, measure nothing")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    runs = [(name, seed) for seed in chosen.seeds for name in chosen.names]
    models = dict(zip(runs, together(trained, runs, chosen.workers)))
    if not chosen.train_only:
        measure(models, chosen.names, chosen.seeds, chosen.dry_run)


def trained(run: tuple[str, int]) -> recognize.Backbone:
    """A network of the contest; trained, unless the cache holds it."""
    name, seed = run
    faces, validation = (data.load("synthetic", split, **PEOPLE) for split in ("train", "validation"))
    recipe = replace(RECIPE, seed=seed)
    return recognize.train_loss_recipe(name, faces, validation, recipe, stages=STAGES.get(name)).model


def measure(
    models: dict[tuple[str, int], recognize.Backbone], names: list[str], seeds: list[int], dry_run: bool
) -> None:
    """Each network's accuracy and TPR, means over the seeds, and paired differences over people and seeds."""
    faces, test = (data.load("synthetic", split, **PEOPLE) for split in ("train", "test"))
    query, distractors = (data.load("synthetic", split, **STRANGERS) for split in ("query", "distractors"))
    accuracy = recognize.EmbeddingScore(faces, test, RECIPE.image_size, per_person=None, mirror=True)
    images = [part.images(RECIPE.image_size) for part in (query, distractors)]
    rows, scores = {}, {}
    for name in names:
        found = [measured(models[name, seed], accuracy, images, query) for seed in seeds]
        rows[name], scores[name] = [row for row, _ in found], [pairs for _, pairs in found]
        print(name, [{k: round(v, 3) for k, v in row.items()} for row in rows[name]], flush=True)
    figures = {
        f"{name}/{key}": float(np.mean([row[key] for row in rows[name]])) for name in names for key in rows[name][0]
    }
    for name in names:
        for fpr, (low, high) in zip(FPRS, interval(scores[name])):
            figures |= {f"{name}/tpr@{fpr}/low": low, f"{name}/tpr@{fpr}/high": high}
    for second, first in DIFFERENCES:
        if {first, second} <= set(names):
            for fpr, (low, high) in zip(FPRS, interval(scores[second], scores[first])):
                title = f"{second}_minus_{first}/tpr@{fpr}"
                figures[title] = figures[f"{second}/tpr@{fpr}"] - figures[f"{first}/tpr@{fpr}"]
                figures |= {f"{title}/low": low, f"{title}/high": high}
                print(title, round(figures[title], 3), round(low, 3), round(high, 3))
    if not dry_run:
        notes = notes_on(faces, query, distractors, len(seeds))
        record("contest", figures, "python -m benchmarks.contest", seeds=rows, notes=notes)


@torch.no_grad()
def measured(
    model: recognize.Backbone, accuracy: recognize.EmbeddingScore, images: list[Tensor], query: FaceSet
) -> tuple[dict[str, float], PairScores]:
    vectors, strangers = (recognize.embed(model.eval(), part, mirror=True) for part in images)
    row = {"accuracy": accuracy(model)["accuracy"], **rates("tpr", vectors, strangers, query.identities)}
    return row, evaluate.pair_scores(vectors, query.identities, strangers)


def interval(second: list[PairScores], first: list[PairScores] | None = None) -> list[tuple[float, float]]:
    """Of the TPR, or of how much higher it is than ``first``'s, at each FPR: over people, of the mean over seeds."""
    after = [resampled(scores, FPRS) for scores in second]
    before = [resampled(scores, FPRS) for scores in first or ()]

    def mean(drawn: np.ndarray) -> np.ndarray:
        gained = np.mean([tpr(drawn) for tpr in after], axis=0)
        return gained - np.mean([tpr(drawn) for tpr in before], axis=0) if before else gained

    return [(float(low), float(high)) for low, high in person_bootstrap(mean, second[0].n_people)]


def notes_on(faces: FaceSet, query: FaceSet, distractors: FaceSet, seeds: int) -> list[str]:
    steps = RECIPE.epochs * (len(faces) // RECIPE.batch_size)
    size = "x".join(map(str, RECIPE.image_size))
    return [
        f"Means over {seeds} seeds; intervals (95 %) over people, of that mean. FaceResNet {RECIPE.size}, "
        f"{size} tight crops, {len(faces)} images of {len(faces.people)} built-in people, {RECIPE.epochs} epochs "
        f"({steps} steps of {RECIPE.batch_size} images); settings of the losses: dlsfaces.recognize.LOSS_RECIPES; "
        "batch-hard triplets with 0.3 times the learning rate, since they collapse at the full one. _16: with a scale "
        "of 16, not 30. ArcFace's margin grows over the first half; over the first third one of three seeds failed.",
        f"accuracy: test images of the same people, nearest class centre. tpr: {len(query)} images of "
        f"{len(query.people)} people never seen, and {len(distractors)} distractors. Mirrored images for both.",
    ]


if __name__ == "__main__":
    main()
