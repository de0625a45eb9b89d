"""How much do invented people help beside few real ones, and how much beside many? A curve over the number of people.

    python -m benchmarks.learning_curve [--root FOLDER] [--only curve | longer] [--dry-run]

Trains the small network on some of CelebA-500's people, from random weights and from those of a network that saw
invented people alone. Both see the same real images in the same order, equally often. ``longer`` is a control: random
weights, and real people alone, for as many images as the others see with invented people included. ``--only`` measures
one of the two, and the other stays as it was recorded.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import torch

from benchmarks._record import ROOT, record, recorded
from benchmarks._runs import FPRS, Way, rates
from benchmarks.contest import interval
from benchmarks.synthetic_transfer import ROUND, recipe_of, synthetic_sets
from dlsfaces import data, evaluate, recognize, rng
from dlsfaces.data import FaceSet
from dlsfaces.evaluate.pairs import PairScores
from dlsfaces.recognize import CrossEntropy, FaceResNet

EPOCHS = {25: 60, 100: 30, 500: 15}  #: of so many real people: fewer people are seen more often
LONGER = {25: 310, 100: 93}  #: epochs with as many images as those of invented people and of EPOCHS together
SIZE, BATCH, SEEDS = (48, 40), 64, (0, 1, 2)
INVENTED = replace(ROUND, size=SIZE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="the folder that holds CelebA-500")
    parser.add_argument("--only", choices=["curve", "longer"], help="measure one of the two")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    train, query, strangers = (
        data.load("celeba500", split, chosen.root) for split in ("train", "query", "distractors")
    )
    test = query, [faces.images(SIZE) for faces in (query, strangers)]
    before = recorded("learning_curve")
    figures, rows = before.get("figures", {}), before.get("seeds", {})
    if chosen.only != "longer":
        curve(train, test, figures, rows)
    if chosen.only != "curve":
        for number, epochs in LONGER.items():
            models = [trained(None, some(train, number, seed), epochs, seed) for seed in SEEDS]
            rows[f"{number}/real_longer"] = [measured(model, *test)[0] for model in models]
            print(number, rows[f"{number}/real_longer"], flush=True)
    figures |= {
        f"{name}/{key}": np.mean([row[key] for row in found]) for name, found in rows.items() for key in found[0]
    }
    if chosen.dry_run:
        print(figures)
        return
    record("learning_curve", figures, "python -m benchmarks.learning_curve", seeds=rows, notes=notes())


def curve(train: FaceSet, test: tuple[FaceSet, list[torch.Tensor]], figures: dict, rows: dict) -> None:
    """Both starts at each number of people."""
    invented, held_out = synthetic_sets(INVENTED)
    recipe = recipe_of(INVENTED)
    begun, _, _ = recognize.train_cross_entropy(invented, held_out, recipe, recipe.checkpoint(invented))
    rows["invented_only"] = [measured(begun, *test)[0]]
    for number, epochs in EPOCHS.items():
        scores = {}
        for start, weights in (("real_only", None), ("invented_first", begun)):
            found = [measured(trained(weights, some(train, number, seed), epochs, seed), *test) for seed in SEEDS]
            rows[f"{number}/{start}"], scores[start] = [row for row, _ in found], [pairs for _, pairs in found]
            print(number, start, rows[f"{number}/{start}"], flush=True)
        for fpr, (low, high) in zip(FPRS, interval(scores["invented_first"], scores["real_only"])):
            figures |= {f"{number}/difference/tpr@{fpr}/low": low, f"{number}/difference/tpr@{fpr}/high": high}


def some(faces: FaceSet, number: int, seed: int) -> FaceSet:
    """So many people of a set, drawn by the seed, numbered from 0."""
    order = rng.uniform(rng.key(seed, torch.arange(len(faces.people))), 1)[:, 0].argsort()
    new = torch.full((len(faces.people),), -1)
    new[order[:number].sort().values] = torch.arange(number)
    chosen = faces.subset(new[faces.identities] >= 0)
    people = [person for person, now in zip(faces.people, new.tolist()) if now >= 0]
    return replace(chosen, identities=new[chosen.identities], people=people)


def trained(begun: FaceResNet | None, faces: FaceSet, epochs: int, seed: int) -> FaceResNet:
    """A network trained on real people, from the weights of ``begun`` or from random ones."""
    torch.manual_seed(seed)
    model = FaceResNet("small", 256, SIZE)
    if begun is not None:
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
        f"{INVENTED.epochs} epochs (invented_only is that network, one training, without whitening). Means over "
        f"{len(SEEDS)} seeds, which draw the real people, the order and the augmentation; both starts see the same "
        "images in the same order.",
        f"real_longer: random weights and real people alone, epochs by number of people: {LONGER}, so that it sees as "
        "many images as invented_first does with its invented ones.",
        "difference: invented_first less real_only, 95 % intervals over people, of the mean over seeds. Mirrored "
        "images.",
    ]


if __name__ == "__main__":
    main()
