"""Does one threshold serve everybody alike? TPR and FPR of the shipped networks by group of the built-in people.

    python -m benchmarks.fairness [--dry-run]

Groups are what the generator drew a person with: sex, age, skin tone. Real sets without such labels cannot be measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

import drawpeople
from benchmarks._record import record
from dlsfaces import data, recognize
from dlsfaces.data.built_in import QUERY_FROM
from dlsfaces.evaluate.bootstrap import person_bootstrap
from dlsfaces.evaluate.identification import how_many

SEED, FPR = 9, 0.01
PEOPLE = dict(people=2000, images_per_person=30, seed=SEED)  # the query has 400 of them, with 10 images each
NOTES = [
    "400 built-in people whom no network has seen, 10 images each; one threshold for all, at FPR 0.01 of all impostor "
    "pairs. GROUP/tpr: genuine pairs of the group's people above it; GROUP/fpr: impostor pairs of two people of the "
    "group above it. Intervals (95 %) resample people. Age and skin tone in thirds of the dials' ranges.",
    "synthetic: the network that learned from built-in people. celeba: the one that went on with real people.",
    "No set of real photos with the people's groups is at hand here: what holds for real people is not measured.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    query = data.load("synthetic", "query", **PEOPLE)
    members = groups(len(query.people))
    figures = {}
    for name in ("synthetic", "celeba"):
        model = recognize.load_face_net(trained_on=name)
        vectors = recognize.embed(model, query.images(tuple(model.settings["image_size"])), mirror=True)
        passed, pairs = counts(vectors, query.identities)
        for group, mask in members.items():
            row = measured(passed, pairs, mask)
            figures |= {f"{name}/{group}/{key}": value for key, value in row.items()}
            print(name, group, int(mask.sum()), {key: round(value, 4) for key, value in row.items()})
    if not chosen.dry_run:
        record("fairness", figures, "python -m benchmarks.fairness", notes=NOTES)


def groups(people: int) -> dict[str, np.ndarray]:
    """Who of the query's people is in which group, (people,) booleans."""
    dials = drawpeople.people(QUERY_FROM + torch.arange(people), SEED)
    thirds: Mapping[str, tuple[str, ...]] = {
        "age": ("young", "middle-aged", "old"), "skin_tone": ("dark skin", "medium skin", "light skin")
    }  # fmt: skip
    found = {"everybody": torch.ones(people, dtype=torch.bool), "women": dials["sex"] < 0.5, "men": dials["sex"] > 0.5}
    for dial, names in thirds.items():
        third = (3 * dials[dial]).long().clamp(max=2)
        found |= {name: third == k for k, name in enumerate(names)}
    return {name: mask.numpy() for name, mask in found.items()}


def counts(vectors: Tensor, who: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of images above the threshold and all of them, by both people: (people, people) each."""
    first, second = torch.triu_indices(len(vectors), len(vectors), offset=1)
    cosine, people = (vectors @ vectors.T)[first, second], int(who.max()) + 1
    impostor = who[first] != who[second]
    order = cosine[impostor].sort(descending=True).values
    threshold = order[how_many(FPR, len(order))]
    place = who[first] * people + who[second]
    total = torch.bincount(place, minlength=people**2).view(people, people)
    above = torch.bincount(place[cosine > threshold], minlength=people**2).view(people, people)
    return tuple((part + part.T).double().numpy() / 2 for part in (above, total))


def measured(passed: np.ndarray, pairs: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """TPR and FPR of a group, with their intervals over people."""
    passed, pairs = passed[np.ix_(mask, mask)], pairs[np.ix_(mask, mask)]
    own, all_own = passed.diagonal(), pairs.diagonal()

    def rates(drawn: np.ndarray) -> np.ndarray:
        many = drawn.astype(float)
        # Without the diagonal: a person drawn twice makes no impostor pair with himself.
        false = (many @ passed @ many - (many**2) @ own) / (many @ pairs @ many - (many**2) @ all_own)
        return np.array([many @ own / (many @ all_own), false])

    (tpr, fpr), bounds = rates(np.ones(len(own))), person_bootstrap(rates, len(own), resamples=1000)
    row = {"tpr@0.01": tpr, "fpr": fpr}
    for key, (low, high) in zip(row.copy(), bounds):
        row |= {f"{key}/low": low, f"{key}/high": high}
    return {key: float(value) for key, value in row.items()}


if __name__ == "__main__":
    main()
