"""One network, the same images and the same number of steps under every loss of the course, three seeds each.

    python -m benchmarks.loss_table [--root FOLDER] [--networks FOLDER] [--workers 1] [--train-only] [--dry-run]

On CelebA-500, at a size that keeps a run under 8 minutes on two CPU cores. Trained networks are kept in ``--networks``,
and those that are there are not trained again. ``--workers`` trains so many at a time, for a GPU that one small network
leaves idle; ``--train-only`` stops there: measuring needs the identification-rate set, training does not.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks._record import ROOT, machine, record
from benchmarks._runs import rates, together
from dlsfaces import data, recognize, weights
from dlsfaces.data import FaceSet, folders
from dlsfaces.recognize import LOSS_RECIPES, EmbeddingScore, Recipe
from dlsfaces.recognize.pretrained import save_face_net

SEEDS = (0, 1, 2)
RECIPE = Recipe(size="small", image_size=(60, 48), epochs=20, batch_size=128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="the folder that holds CelebA-500")
    parser.add_argument("--networks", help="the folder that keeps the trained networks; the cache's by default")
    parser.add_argument("--workers", type=int, default=1, help="trainings at a time")
    parser.add_argument("--train-only", action="store_true", help="train, measure nothing")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    folder = Path(chosen.networks or folders.cache_folder() / "loss_table")
    runs = [(name, seed, chosen.root, folder) for seed in SEEDS for name in LOSS_RECIPES]
    together(train_one, runs, chosen.workers)
    if not chosen.train_only:
        measure(folder, chosen.root, chosen.dry_run)


def file_of(folder: Path, name: str, seed: int) -> Path:
    """Where a trained network is kept."""
    return folder / f"{name}-{seed}.safetensors"


def train_one(run: tuple[str, int, str, Path]) -> None:
    """Train with one loss and one seed and keep the network, unless it is there."""
    name, seed, root, folder = run
    path = file_of(folder, name, seed)
    if path.exists():
        return
    faces, validation = (data.load("celeba500", split, root) for split in ("train", "validation"))
    model, history, _ = recognize.train_loss_recipe(name, faces, validation, replace(RECIPE, seed=seed))
    about = {"minutes": sum(row["seconds"] for row in history) / 60, "machine": machine(), "history": history}
    save_face_net(model, path, about)
    print(name, seed, {k: round(v, 3) for k, v in history[-1].items()}, flush=True)


def measure(folder: Path, root: str, dry_run: bool) -> None:
    """Test accuracy and TPR of every network, their means and spreads over the seeds."""
    sets = {split: data.load("celeba500", split, root) for split in ("train", "test", "query", "distractors")}
    accuracy = EmbeddingScore(sets["train"], sets["test"], RECIPE.image_size, per_person=None, mirror=True)
    images = {split: sets[split].images(RECIPE.image_size) for split in ("query", "distractors")}
    rows = {
        name: [measured(file_of(folder, name, s), accuracy, images, sets["query"]) for s in SEEDS]
        for name in LOSS_RECIPES
    }
    took = minutes_here(root)
    figures, spread = {}, {}
    for name, found in rows.items():
        for figure in found[0]:
            values = [row[figure] for row in found]
            figures[f"{name}/{figure}"], spread[f"{name}/{figure}"] = statistics.mean(values), statistics.stdev(values)
        figures[f"{name}/minutes"] = took[name]
    if dry_run:
        print(figures, spread)
        return
    about = weights.read(file_of(folder, "arcface", 0))[1]
    record(
        "loss_table",
        figures,
        "python -m benchmarks.loss_table",
        spread={name: round(value, 4) for name, value in spread.items()},
        seeds=rows,
        trained_on=about["machine"],
        validation={
            name: [round(row["accuracy"], 4) for row in weights.read(file_of(folder, name, 0))[1]["history"]]
            for name in LOSS_RECIPES
        },
        notes=NOTES,
    )


NOTES = [
    f"Means over {len(SEEDS)} seeds; spread: the standard deviation over them. FaceResNet {RECIPE.size}, "
    f"{RECIPE.image_size[0]}x{RECIPE.image_size[1]} tight crops, {RECIPE.epochs} epochs of CelebA-500 in batches of "
    f"{RECIPE.batch_size}, the course's default augmentation, the same learning rates; settings of each loss in "
    "dlsfaces.recognize.LOSS_RECIPES. accuracy: of the test split, by the nearest class centre of the training images; "
    "tpr: celebA_ir, people never seen. Mirrored test images for both.",
    "minutes: on the machine of this record, an epoch of a quarter of the images timed, times 4, times the epochs; "
    "validation not counted. trained_on says where the networks that were measured were trained.",
]


@torch.no_grad()
def measured(path: Path, accuracy: EmbeddingScore, images: dict[str, torch.Tensor], query: FaceSet) -> dict[str, float]:
    """One network's test accuracy and TPR on people never seen."""
    model = recognize.load_face_net(path)
    seen, strangers = (recognize.features_of(model, images[s], mirror=True) for s in ("query", "distractors"))
    return {"accuracy": accuracy(model)["accuracy"], **rates("tpr", seen, strangers, query.identities)}


def minutes_here(root: str) -> dict[str, float]:
    """How long a run of each loss takes on this machine, by one timed epoch of a quarter of the images."""
    whole, rest = (data.load("celeba500", split, root) for split in ("train", "validation"))
    faces, validation = (split.subset(range(0, len(split), 4)) for split in (whole, rest))
    took = {}
    for name, stages in LOSS_RECIPES.items():
        recipe = replace(RECIPE, epochs=len(stages))
        trained = recognize.train_loss_recipe(name, faces, validation, recipe, keep=False)
        seconds = statistics.mean(row["seconds"] for row in trained.history)
        took[name] = seconds * len(whole) / len(faces) * RECIPE.epochs / 60
    return took


if __name__ == "__main__":
    main()
