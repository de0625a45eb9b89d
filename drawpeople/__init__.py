"""Invented people: drawn from named parameters, with exact landmarks. No download, and no real person's face.

``people`` and ``shots`` give parameters for numbers, ``render`` turns them into portraits; ``cut_out``, ``draw_scene``
and ``draw_portrait`` put people into photos of crowds and of one person; ``Defect`` spoils a portrait. Person ``i`` of
a seed is the same person wherever it is asked for, and an image has the same bits in any batch of one device.
"""

from drawpeople.cutouts import cut_out
from drawpeople.defects import Defect
from drawpeople.dials import PERSON, SHOT
from drawpeople.framing import LOOSE
from drawpeople.people import neutral_shots, people, shots
from drawpeople.rendering import dense_landmarks, render
from drawpeople.rng import Dice
from drawpeople.scenes import draw_portrait, draw_scene
from drawpeople.truth import Region

__version__ = "0.1.0"
#: Raised whenever a portrait's pixels change: caches are keyed by it.
VERSION = 4

#: The smallest and largest value of each parameter, by name.
PERSON_RANGES: dict[str, tuple[float, float]] = {name: (dial.low, dial.high) for name, dial in PERSON.items()}
SHOT_RANGES: dict[str, tuple[float, float]] = {name: (dial.low, dial.high) for name, dial in SHOT.items()}

__all__ = [
    "LOOSE",
    "PERSON_RANGES",
    "SHOT_RANGES",
    "VERSION",
    "Defect",
    "Dice",
    "Region",
    "cut_out",
    "dense_landmarks",
    "draw_portrait",
    "draw_scene",
    "neutral_shots",
    "people",
    "render",
    "shots",
]
