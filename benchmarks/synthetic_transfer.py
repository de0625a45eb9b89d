"""What does a network that saw only invented people see in real ones, and which dial of the generator bought it?

    python -m benchmarks.synthetic_transfer [--root FOLDER] [--only full | ablation] [--round "what was mended"]

Trains a small network on synthetic people alone and tests it on the real identification-rate set, beside features that
nobody trained. The ablation trains three networks for each dial; what is best on one half of the real people is tested
on the other half. ``--only`` measures one of the two, and the other stays as it was recorded. ``--round`` adds the
outcome to the history of the record: what was mended in the generator before.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

import numpy as np
import torch
from skimage.feature import hog
from torch import Tensor
from torch.nn import functional as F

import drawpeople
from benchmarks._record import ROOT, record, recorded
from benchmarks._runs import rates
from dlsfaces import data, recognize
from dlsfaces.data import Augmentation, FaceSet
from dlsfaces.data.augment import luma


@dataclass(frozen=True)
class Trial:
    """One training on synthetic people."""

    people: int
    images_per_person: int  # of seven five are trained on
    epochs: int
    size: tuple[int, int] = (60, 48)
    batch: int = 32
    dials: dict[str, float] = field(default_factory=dict)
    augmentation: Augmentation = field(default_factory=Augmentation.strong)


FULL = Trial(people=800, images_per_person=21, epochs=12, size=(80, 64))
#: The same at each round of mending the generator, and what pre-training begins with.
ROUND = Trial(people=800, images_per_person=21, epochs=10, batch=128)
#: The ablation's: smaller, since there are many rows, but trained to its end. A yardstick that has not learned its own
#: people prefers whatever makes its task easier.
YARDSTICK = Trial(people=100, images_per_person=14, epochs=24)
SEEDS = (0, 1, 2)
OFF = dict.fromkeys(vars(Augmentation()), 0.0)


def neutral(*names: str) -> dict[str, float]:
    """These dials of the image at what is typical, in all images."""
    return {name: float(drawpeople.neutral_shots(1)[name]) for name in names}


def ablation() -> dict[str, Trial]:
    """The trials of the ablation by name: each the yardstick but for one thing."""
    base = YARDSTICK
    strong = base.augmentation
    colour = dict(brightness=0.0, contrast=0.0, saturation=0.0, tint=0.0, grey=0.0)
    light = [name for name in drawpeople.SHOT_RANGES if name.startswith(("light_", "ambient"))]
    camera = ("exposure", "white_balance", "contrast", "vignette", "blur", "shake", "noise", "low_resolution")
    worn = dict.fromkeys(("glasses", "sunglasses", "hat", "mask", "hand", "earrings"), 0.0)
    background = ("back_kind", "back_hue", "back_colour", "back_light", "back_contrast")
    expression = ("mouth_open", "smile", "brow_raise", "eye_shut", "gaze_x", "gaze_y")
    return {
        "yardstick": base,
        "augmentation/none": replace(base, augmentation=Augmentation(**OFF)),
        "augmentation/no_colour": replace(base, augmentation=replace(strong, **colour)),
        "pose/frontal": replace(base, dials=neutral("yaw", "pitch", "roll", "distance")),
        "expression/neutral": replace(base, dials=neutral(*expression)),
        "light/one": replace(base, dials=neutral(*light)),
        "camera/perfect": replace(base, dials={**neutral(*camera), "blur": 0.0, "noise": 0.0, "jpeg": 100.0}),
        "background/one": replace(base, dials=neutral(*background)),
        "worn/nothing": replace(base, dials=worn),
        "skin/one_tone": replace(base, dials={"skin_tone": 0.6, "skin_red": 0.0, "skin_yellow": 0.0}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="the folder that holds CelebA-500")
    parser.add_argument("--only", choices=["full", "ablation"], help="measure one of the two")
    parser.add_argument("--round", default="", help="what was mended before: adds the outcome to the history")
    chosen = parser.parse_args()
    sets = [data.load("celeba500", split, chosen.root) for split in ("query", "distractors")]
    before = recorded("synthetic_transfer")
    figures, history, rows = before.get("figures", {}), before.get("history", []), before.get("ablation", {})
    if chosen.round:
        today = datetime.now(timezone.utc).date().isoformat()
        history.append({"round": chosen.round, "date": today, "generator": drawpeople.VERSION, **tried(ROUND, sets)})
    if chosen.only != "ablation":
        figures |= tried(FULL, sets) | untrained(sets, FULL.size)
    if chosen.only != "full":
        rows, found = ablated(sets)
        figures = {name: value for name, value in figures.items() if not name.startswith("ablation/")} | found
    command = "python -m benchmarks.synthetic_transfer" + (f" --only {chosen.only}" if chosen.only else "")
    record("synthetic_transfer", figures, command, history=history, ablation=rows, notes=NOTES)


def ablated(sets: list[FaceSet]) -> tuple[dict[str, dict], dict[str, float]]:
    """Three networks a row, measured on one half of the real people; the best row and the yardstick on the other."""
    (first, second), strangers = data.split_people(sets[0], 2), torch.arange(len(sets[1])) % 2 == 0
    choosing, kept = [first, sets[1].subset(strangers)], [second, sets[1].subset(~strangers)]
    rows, last = {}, {}
    for name, trial in ablation().items():
        found = [tried(trial, choosing, seed) for seed in SEEDS]
        rows[name] = {"generator": drawpeople.VERSION} | {key: [row[key] for row in found] for key in found[0]}
    best = max(rows.keys() - {"yardstick"}, key=lambda name: np.mean(rows[name]["tpr@0.1"]))
    for name in ("yardstick", best):  # trained already: these come from their checkpoints
        last[name] = [tried(ablation()[name], kept, seed)["tpr@0.1"] for seed in SEEDS]
        rows[name]["other_half/tpr@0.1"] = last[name]
    figures = {f"ablation/{name}/tpr@0.1": np.mean(row["tpr@0.1"]) for name, row in rows.items()}
    apart = np.subtract(last[best], last["yardstick"])
    figures |= {f"ablation/other_half/{name}/tpr@0.1": np.mean(values) for name, values in last.items()}
    return rows, figures | {"ablation/other_half/best_minus_yardstick": apart.mean()}


NOTES = [
    f"tpr: FaceResNet small (0.7 M weights), {FULL.size[0]}x{FULL.size[1]} tight crops, cross-entropy with label "
    f"smoothing 0.1, {FULL.people} synthetic people, 5 of 7 of their {FULL.images_per_person} images, "
    f"{FULL.epochs} epochs in batches of {FULL.batch}, strong augmentation, then whitened "
    "within people (recognize.within_class_whitening, learned on the synthetic training images); no real "
    "image before the test. Mirrored test images. not_whitened: the network's features as they are. centred: whitened, "
    "and the mean vector of the test set, which needs no labels, subtracted.",
    "hog: scikit-image's, cells of 8 pixels, blocks of 2x2; centred: mean subtracted; half_whitened: 256 principal "
    "components, each divided by the fourth root of its variance. pixels: 25x20 grey levels. All on the same crops.",
    f"history: each round the same recipe, smaller than the above ({ROUND.size[0]}x{ROUND.size[1]}, {ROUND.epochs} "
    f"epochs in batches of {ROUND.batch}), on what the generator then drew.",
    f"ablation: {YARDSTICK.people} people, {YARDSTICK.images_per_person} images each, {YARDSTICK.size[0]}x"
    f"{YARDSTICK.size[1]}, {YARDSTICK.epochs} epochs in batches of {YARDSTICK.batch}; a row is the yardstick with one "
    f"thing at its typical value in every image, or switched off; means of {len(SEEDS)} seeds of the training, over "
    "every second of the 51 people and of the strangers. other_half: the yardstick and the row that was best there, on "
    "the other people and strangers.",
]


def synthetic_sets(trial: Trial) -> tuple[FaceSet, FaceSet]:
    """Training images and validation images of a trial."""
    made = dict(people=trial.people, images_per_person=trial.images_per_person, dials=trial.dials)
    return tuple(data.load("synthetic", split, **made) for split in ("train", "validation"))


def recipe_of(trial: Trial, seed: int = 0) -> recognize.Recipe:
    """How a trial trains."""
    return recognize.Recipe(
        size="small",
        image_size=trial.size,
        epochs=trial.epochs,
        batch_size=trial.batch,
        augmentation=trial.augmentation,
        lr=0.05 if trial.batch < 64 else 0.1,
        seed=seed,
    )


def tried(trial: Trial, sets: list[FaceSet], seed: int = 0) -> dict[str, float]:
    """Train on synthetic people and measure on the real query and distractors."""
    train, validation = synthetic_sets(trial)
    recipe = recipe_of(trial, seed)
    model, history, _ = recognize.train_cross_entropy(train, validation, recipe, recipe.checkpoint(train))
    seen, query, strangers = (
        recognize.features_of(model, faces.images(trial.size), mirror=True) for faces in (train, *sets)
    )
    whitening = recognize.within_class_whitening(seen, train.identities)
    white = [whitening(features) for features in (query, strangers)]
    middle = torch.cat(white).mean(0)
    people = sets[0].identities
    found = {
        **rates("tpr", *white, people),
        **rates("not_whitened/tpr", query, strangers, people),
        **rates("centred/tpr", *(features - middle for features in white), people),
        "synthetic_accuracy": history[-1]["validation_accuracy"],
        "minutes": sum(row["seconds"] for row in history) / 60,
    }
    print(trial, json.dumps(found), flush=True)
    return found


def untrained(sets: list[FaceSet], size: tuple[int, int]) -> dict[str, float]:
    """The same measure of features that nobody trained."""
    grey = [luma(data.to_float(faces.images(size)))[:, 0] for faces in sets]
    pixels = [F.interpolate(g[:, None], (25, 20), mode="area").flatten(1) for g in grey]
    gradients = [oriented_gradients(g) for g in grey]
    middle = torch.cat(gradients).mean(0)
    centred = [g - middle for g in gradients]
    variance, axes = torch.linalg.eigh(torch.cat(centred).T.cov())
    half_white = axes[:, -256:] * variance[-256:] ** -0.25
    kinds = {
        "pixels": pixels,
        "pixels_centred": [p - torch.cat(pixels).mean(0) for p in pixels],
        "hog": gradients,
        "hog_centred": centred,
        "hog_half_whitened": [c @ half_white for c in centred],
    }
    people = sets[0].identities
    return {name: value for kind, pair in kinds.items() for name, value in rates(f"{kind}/tpr", *pair, people).items()}


def oriented_gradients(grey: Tensor) -> Tensor:
    """HOG of images ``(N, H, W)``: ``(N, D)``."""
    options = dict(orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), block_norm="L2-Hys")
    return torch.from_numpy(np.stack([hog(image, **options) for image in grey.numpy()]).astype(np.float32))


if __name__ == "__main__":
    main()
