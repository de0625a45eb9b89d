"""Does it help to begin with invented people, where real ones are few? The same number of images seen either way.

    python -m benchmarks.pretraining [--root FOLDER] [--dry-run]

Trains the small network on CelebA-500 alone, and once more from the weights that synthetic people gave it (the network
of ``benchmarks.synthetic_transfer``), with fewer epochs on the real set, so that both see as many images.
"""

from __future__ import annotations

import argparse
import time

import torch

from benchmarks._record import ROOT, record
from benchmarks._runs import FPRS, intervals, rates
from benchmarks.synthetic_transfer import ROUND, recipe_of, synthetic_sets
from dlsfaces import data, evaluate, recognize, train
from dlsfaces.data import Augmentation, FaceSet
from dlsfaces.evaluate.pairs import PairScores
from dlsfaces.recognize import CrossEntropy, FaceResNet

BUDGET = 25  # epochs of the real set
BATCH, SEED = 128, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="the folder that holds CelebA-500")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    sets = {split: data.load("celeba500", split, chosen.root) for split in data.SPLITS}
    invented, held_out = synthetic_sets(ROUND)
    recipe = recipe_of(ROUND)
    begun, _, _ = recognize.train_cross_entropy(invented, held_out, recipe, recipe.checkpoint(invented))
    real_steps, steps = len(sets["train"]) // BATCH, len(invented) // BATCH * ROUND.epochs
    left = round(BUDGET - steps / real_steps)
    torch.manual_seed(SEED)
    fresh = FaceResNet(recipe.size, recipe.embedding_dim, ROUND.size)
    figures, scores, curves = {}, {}, {}
    for name, model, epochs in (("real_only", fresh, BUDGET), ("synthetic_then_real", begun, left)):
        found, scores[name], curves[name] = trained(model, epochs, sets)
        figures |= {f"{name}/{key}": value for key, value in found.items()}
    apart = evaluate.identification_rate_difference(scores["real_only"], scores["synthetic_then_real"], FPRS)
    for fpr, (low, high) in zip(FPRS, apart):
        figures |= {f"difference/tpr@{fpr}/low": low, f"difference/tpr@{fpr}/high": high}
    seen = {"real_only": BUDGET * real_steps * BATCH, "synthetic_then_real": (steps + left * real_steps) * BATCH}
    if chosen.dry_run:
        print(figures, seen)
        return
    record(
        "pretraining",
        figures,
        "python -m benchmarks.pretraining",
        images_seen=seen,
        validation_accuracy=curves,
        notes=[
            f"FaceResNet small, {ROUND.size[0]}x{ROUND.size[1]}, cross-entropy, on the real set the course's default "
            f"augmentation. real_only: {BUDGET} epochs of CelebA-500. synthetic_then_real: the network of the rounds "
            f"of synthetic_transfer ({ROUND.epochs} epochs of {len(invented)} invented images), then {left} epochs "
            "of CelebA-500 with a new head. Rendering is not counted. Mirrored test images for the TPR, none for the "
            "accuracy. One seed.",
            "low, high: 95 % person-bootstrap intervals; difference: paired, positive where pre-training is better.",
        ],
    )


def trained(
    model: FaceResNet, epochs: int, sets: dict[str, FaceSet]
) -> tuple[dict[str, float], PairScores, list[float]]:
    """Train on the real set and measure: figures, pair scores, and the accuracy after each epoch."""
    torch.manual_seed(SEED)
    loss = CrossEntropy(model.embedding_dim, len(sets["train"].people), label_smoothing=0.1)
    images = {split: sets[split].images(ROUND.size) for split in ("validation", "test", "query", "distractors")}

    def accuracy(model: FaceResNet, split: str) -> float:
        logits = loss.logits(recognize.features_of(model, images[split]).to(loss.head.weight.device))
        return evaluate.accuracy(logits, sets[split].identities)

    began = time.monotonic()
    history = train.fit(
        model,
        loss,
        data.batches(sets["train"], ROUND.size, BATCH, shuffle=True, seed=SEED),
        train.Settings(epochs, seed=SEED),
        augment=Augmentation(),
        validate=lambda model: {"validation_accuracy": accuracy(model, "validation")},
    )
    found = {"accuracy": accuracy(model, "test"), "minutes": (time.monotonic() - began) / 60}
    query, strangers = (recognize.features_of(model, images[s], mirror=True) for s in ("query", "distractors"))
    scores = evaluate.pair_scores(query, sets["query"].identities, strangers)
    found |= rates("tpr", query, strangers, sets["query"].identities) | intervals(scores)
    return found, scores, [row["validation_accuracy"] for row in history]


if __name__ == "__main__":
    main()
