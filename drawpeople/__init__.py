"""Embedded people: a parametric 3-D head, rendered in batches. No download, and no real person's face.

``people`` and ``pictures`` give named parameters for numbers; ``render`` turns parameters into pictures with exact
landmarks. Person ``i`` of a seed is the same person wherever it is asked for, and a picture has the same bits in any
batch of one device.
"""

from __future__ import annotations

from drawpeople.people import PERSON, SHOT, average_people, neutral_shots, people, shots
from drawpeople.rendering import Rendering, dense_landmarks, render
from drawpeople.truth import Region

#: Raised whenever the pictures change: caches are keyed by it.
VERSION = 3

PERSON_RANGES: dict[str, tuple[float, float]] = {name: (dial.low, dial.high) for name, dial in PERSON.items()}
SHOT_RANGES: dict[str, tuple[float, float]] = {name: (dial.low, dial.high) for name, dial in SHOT.items()}

__all__ = [
    "PERSON_RANGES",
    "SHOT_RANGES",
    "VERSION",
    "Region",
    "Rendering",
    "average_people",
    "dense_landmarks",
    "neutral_shots",
    "people",
    "render",
    "shots",
]
