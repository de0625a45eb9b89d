"""What six images look like, coarsely enough for any machine, finely enough to tell another generator.

``python -m tests.drawpeople.fingerprint`` stores that of the present generator, with its version.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

import drawpeople

STORED = Path(__file__).with_suffix(".json")


def now() -> dict[str, int | list[list[float]]]:
    """The version, mean grey levels of 12 by 10 fields of each image, and the five landmarks in pixels."""
    who = torch.arange(6)
    made = drawpeople.render(drawpeople.people(who), drawpeople.shots(who, who))
    grey = torch.nn.functional.adaptive_avg_pool2d(made.images.float().mean(1), (12, 10)).flatten(1)
    landmarks = made.landmarks.flatten(1)
    rows = {name: [[round(v, 1) for v in row] for row in t.tolist()] for name, t in (("grey", grey), ("xy", landmarks))}
    return {"version": drawpeople.VERSION, **rows}


if __name__ == "__main__":
    STORED.write_text(json.dumps(now()) + "\n", encoding="utf-8")
