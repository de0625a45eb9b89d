"""Images for the tests: a crowd as it is drawn, and people of whom only some dials are turned."""

from __future__ import annotations

import torch
from torch import Tensor

import drawpeople
from drawpeople.people import average_people

Dials = dict[str, Tensor]
#: What would hide a face, or let something else than the turned dial change it.
BARE = dict.fromkeys(("glasses", "earrings", "sunglasses", "hat", "mask", "hand", "light_azimuth"), 0.0)
#: A camera that takes what it sees: no noise, file or lens changes a pixel.
PLAIN = {"noise": 0.0, "jpeg": 100.0, "low_resolution": 0.0, "blur": 0.0, "shake": 0.0, "vignette": 0.0}


def crowd(n_people: int, n_images: int, seed: int = 0) -> tuple[Dials, Dials]:
    """People with some images each, as they are drawn."""
    who = torch.arange(n_people).repeat_interleave(n_images)
    which = torch.arange(n_images).repeat(n_people)
    return drawpeople.people(who, seed), drawpeople.shots(who, which, seed)


def turned(people: Dials, **dials: float | list[float] | Tensor) -> tuple[Dials, Dials]:
    """Those people, bareheaded, in neutral images by a plain camera, with some dials of either turned."""
    n = len(people["sex"])
    people, shots = dict(people), drawpeople.neutral_shots(n)
    for name, value in (BARE | PLAIN | dials).items():
        (people if name in people else shots)[name] = torch.as_tensor(value).float().expand(n).clone()
    return people, shots


def average(n: int = 1, **dials: float | list[float] | Tensor) -> tuple[Dials, Dials]:
    """The average person ``n`` times, likewise."""
    return turned(average_people(n), **dials)


def various(n: int, **dials: float | list[float] | Tensor) -> tuple[Dials, Dials]:
    """The first ``n`` people, likewise, with no hair in their face."""
    return turned(drawpeople.people(torch.arange(n)), **{"hair_fringe": 0.0, "hair_length": 0.0} | dials)
