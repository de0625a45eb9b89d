"""What each dial of the built-in people does to a face, as dlib's network sees it.

    python -m benchmarks.synthetic_sweep [--people 3] [--spread]

Sets one dial to its low and to its high end on otherwise random people in neutral images, and prints the mean
distance of the two faces. ``--spread`` draws whole groups of dials anew instead: which group tells people apart?
A tool for tuning: it records nothing in ``results``. The table lies in ``build/synthetic_sweep.json``.
"""

from __future__ import annotations

import argparse
import json

import torch
from torch import Tensor

from benchmarks._peers import Judge
from benchmarks._record import ROOT
from dlsfaces.geometry import LOOSE
from drawpeople import neutral_shots, people, render
from drawpeople.dials import PERSON, SHOT

#: Dials belong to the first group one of whose beginnings theirs has; what none has is shape.
GROUPS = {
    "sex and age": ("sex", "age", "wrinkles"),
    "colours": ("skin", "lip_red", "freckles", "eye_colour", "eye_rings", "mole", "make_up", "ruddy", "blotches"),
    "hair": ("hair", "bald"),
    "beard": ("beard", "moustache", "goatee"),
    "things": ("glasses", "half_rim", "earring"),
    "eyes": ("eye", "brow", "lashes", "epicanthus"),
    "nose": ("nose",),
    "mouth": ("mouth", "lip", "philtrum"),
    "shape": ("",),
}
Faces = dict[str, Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=3, help="how many people a dial is tried on")
    parser.add_argument("--spread", action="store_true", help="draw groups of person dials anew")
    chosen = parser.parse_args()
    judge = Judge()
    tables = (
        {"group drawn anew": by_group(judge, 8 * chosen.people)}
        if chosen.spread
        else {"person": by_dial(judge, chosen.people, "person"), "shot": by_dial(judge, chosen.people, "shot")}
    )
    for name, table in tables.items():
        print(f"\n{name:30} distance")
        for dial, distance in sorted(table.items(), key=lambda row: -row[1]):
            print(f"{dial:30} {distance:.3f}  {'#' * round(60 * distance)}")
    path = ROOT / "build" / ("synthetic_spread.json" if chosen.spread else "synthetic_sweep.json")
    path.write_text(json.dumps(tables, indent=1))


def by_dial(judge: Judge, count: int, whose: str) -> dict[str, float]:
    """Dial name to mean distance between its ends; the images of ``count`` people a dial."""
    dials = PERSON if whose == "person" else SHOT
    first, second = (joined([at_end(dials, name, end, count, whose) for name in dials]) for end in ("low", "high"))
    distances = between(judge, first, second).view(len(dials), count).mean(1)
    return dict(zip(dials, distances.tolist()))


def at_end(dials: dict, name: str, end: str, count: int, whose: str) -> tuple[Faces, Faces]:
    """``count`` random people in neutral images, one dial of either at an end."""
    person, shot = people(torch.arange(count), seed=17), neutral_shots(count)
    (person if whose == "person" else shot)[name] = torch.full((count,), float(getattr(dials[name], end)))
    return person, shot


def by_group(judge: Judge, count: int) -> dict[str, float]:
    """Group to mean distance between people who differ in that group's dials alone, and in all of them."""
    old, new = people(torch.arange(count), seed=17), people(torch.arange(count), seed=18)
    groups = {group: {name for name in PERSON if group_of(name) == group} for group in GROUPS}
    groups["everything"] = set(PERSON)
    mixed = [{name: (new if name in dials else old)[name] for name in PERSON} for dials in groups.values()]
    neutral = neutral_shots(count)
    first = joined([(old, neutral)] * len(groups))
    distances = between(judge, first, joined([(person, neutral) for person in mixed]))
    return dict(zip(groups, distances.view(len(groups), count).mean(1).tolist()))


def group_of(name: str) -> str:
    return next(group for group, beginnings in GROUPS.items() if name.startswith(beginnings))


def joined(parts: list[tuple[Faces, Faces]]) -> tuple[Faces, Faces]:
    """Batches of (people, images) behind each other."""
    person, shot = zip(*parts)
    return tuple({name: torch.cat([p[name] for p in half]) for name in half[0]} for half in (person, shot))


def between(judge: Judge, first: tuple[Faces, Faces], second: tuple[Faces, Faces]) -> Tensor:
    """Distance of face ``k`` of the one to face ``k`` of the other: ``(N,)``."""
    one, other = (
        judge.descriptors(drawn.images, drawn.landmarks)
        for drawn in (render(*faces, LOOSE) for faces in (first, second))
    )
    return (one - other).norm(dim=1)


if __name__ == "__main__":
    main()
