"""How much do invented people help beside few real ones, and how much beside many? A curve over the number of people.

    python -m benchmarks.learning_curve [--root FOLDER] [--dry-run]

Trains the small network on some of CelebA-500's people, from random weights and from those of a network that saw
invented people alone. Both see the same real images in the same order, equally often.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import torch

from benchmarks._record import ROOT, record
from benchmarks._runs import FPRS, Way, rates
from benchmarks.contest import interval
from benchmarks.synthetic_transfer import ROUND, recipe_of, synthetic_sets
from dlsfaces import data, evaluate, recognize, rng
from dlsfaces.data import FaceSet
from dlsfaces.evaluate.pairs import PairScores
from dlsfaces.recognize import CrossEntropy, FaceResNet

EPOCHS = {25: 60, 100: 30, 500: 15}  #: of so many real people: fewer people are seen more often
SIZE, BATCH, SEEDS = (48, 40), 64, (0, 1, 2)
INVENTED = replace(ROUND, size=SIZE)
STARTS = {"real_only": "random weights", "invented_first": "the weights that invented people gave"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="the folder that holds CelebA-500")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    train, query, strangers = (
        data.load("celeba500", split, chosen.root) for split in ("train", "query", "distractors")
    )
    invented, held_out = synthetic_sets(INVENTED)
    recipe = recipe_of(INVENTED)
    begun, _, _ = recognize.train_cross_entropy(invented, held_out, recipe, recipe.checkpoint(invented))
    test = query, [faces.images(SIZE) for faces in (query, strangers)]
    rows, figures = {"invented_only": [measured(begun, *test)[0]]}, {}
    for number, epochs in EPOCHS.items():
        scores = {}
        for start in STARTS:
            found = [measured(trained(begun, start, some(train, number, seed), epochs, seed), *test) for seed in SEEDS]
            rows[f"{number}/{start}"], scores[start] = [row for row, _ in found], [pairs for _, pairs in found]
            print(number, start, rows[f"{number}/{start}"], flush=True)
        for fpr, (low, high) in zip(FPRS, interval(scores["invented_first"], scores["real_only"])):
            figures |= {f"{number}/difference/tpr@{fpr}/low": low, f"{number}/difference/tpr@{fpr}/high": high}
    means = {f"{name}/{key}": np.mean([row[key] for row in found]) for name, found in rows.items() for key in found[0]}
    if chosen.dry_run:
        print(means | figures)
        return
    record("learning_curve", means | figures, "python -m benchmarks.learning_curve", seeds=rows, notes=notes())


def some(faces: FaceSet, number: int, seed: int) -> FaceSet:
    """So many people of a set, drawn by the seed, numbered from 0."""
    order = rng.uniform(rng.key(seed, torch.arange(len(faces.people))), 1)[:, 0].argsort()
    new = torch.full((len(faces.people),), -1)
    new[order[:number].sort().values] = torch.arange(number)
    chosen = faces.subset(new[faces.identities] >= 0)
    people = [person for person, now in zip(faces.people, new.tolist()) if now >= 0]
    return replace(chosen, identities=new[chosen.identities], people=people)


def trained(begun: FaceResNet, start: str, faces: FaceSet, epochs: int, seed: int) -> FaceResNet:
    """A network trained on real people, from one of the two starts."""
    torch.manual_seed(seed)
    model = FaceResNet("small", begun.embedding_dim, SIZE)
    if start == "invented_first":
        model.load_state_dict(begun.state_dict())
    loss = CrossEntropy(model.embedding_dim, len(faces.people), label_smoothing=0.1)
    Way(epochs, batch_size=BATCH).train(model, loss, faces, SIZE, seed)
    return model


@torch.no_grad()
def measured(model: FaceResNet, query: FaceSet, images: list[torch.Tensor]) -> tuple[dict[str, float], PairScores]:
    """TPRs on the people of the identification-rate set, and the pairs they come from."""
    vectors, strangers = (recognize.embed(model.eval(), part, mirror=True) for part in images)
    return rates("tpr", vectors, strangers, query.identities), evaluate.pair_scores(
        vectors, query.identities, strangers
    )


def notes() -> list[str]:
    return [
        f"FaceResNet small, {SIZE[0]}x{SIZE[1]} tight crops, cross-entropy with label smoothing 0.1, batches of "
        f"{BATCH}, the course's default augmentation; epochs by number of real people: {EPOCHS}. real_only begins with "
        f"random weights, invented_first with those of one network that saw {INVENTED.people} invented people for "
        f"{INVENTED.epochs} epochs (invented_only is that network, without whitening). Means over {len(SEEDS)} seeds, "
        "which draw the real people, the order and the augmentation; both starts see the same images in the same "
        "order.",
        "difference: invented_first less real_only, 95 % intervals over people, of the mean over seeds. Mirrored "
        "images.",
    ]


if __name__ == "__main__":
    main()
