"""Embedded people: a parametric 3-D head, rendered in batches. No download, and no real person's face.

``people`` and ``pictures`` give named parameters for numbers; ``render`` turns parameters into pictures with exact
landmarks. Person ``i`` of a seed is the same person wherever it is asked for, and a picture has the same bits in any
batch of one device.
"""

from __future__ import annotations

from dlsfaces.synthetic.people import PERSON, PICTURE, average_people, neutral_pictures, people, pictures
from dlsfaces.synthetic.scene import Rendering, dense_landmarks, render
from dlsfaces.synthetic.truth import Region

#: Raised whenever the pictures change: caches are keyed by it.
VERSION = 3

PERSON_RANGES: dict[str, tuple[float, float]] = {name: (dial.low, dial.high) for name, dial in PERSON.items()}
PICTURE_RANGES: dict[str, tuple[float, float]] = {name: (dial.low, dial.high) for name, dial in PICTURE.items()}

__all__ = [
    "PERSON_RANGES",
    "PICTURE_RANGES",
    "VERSION",
    "Region",
    "Rendering",
    "average_people",
    "dense_landmarks",
    "neutral_pictures",
    "people",
    "pictures",
    "render",
]
